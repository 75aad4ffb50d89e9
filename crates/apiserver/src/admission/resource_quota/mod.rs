//! ResourceQuota: what a namespace may use is counted at the moment of each write. The count in a quota's status is raised before the object
//! is stored; when it is not stored after all, the quota controller's next count puts that right.

use api::kind::Kind;
use api::quota;
use async_trait::async_trait;

use crate::admit::{AdmissionRequest, Admit, Operation};
use crate::objects::Objects;
use crate::rows::row;
use crate::status::Status;

mod charge;

pub struct ResourceQuota {
    objects: Objects,
    quotas: &'static Kind,
}

const TRIES: usize = 10;

impl ResourceQuota {
    pub fn new(objects: Objects) -> Self {
        Self { objects, quotas: row("", "v1", "resourcequotas") }
    }

    /// Charges one quota; tried again on the fresh one when somebody else was quicker.
    async fn charge(&self, request: &AdmissionRequest<'_>, name: &str, wanted: &charge::Wanted) -> Result<(), Status> {
        for _ in 0..TRIES {
            let Some(mut quota) = self.objects.get(self.quotas, request.namespace, name) else { return Ok(()) };
            let refuse = |why: String| Status::forbidden(request.kind, request.name, &why);
            if !charge::apply(&mut quota, wanted).map_err(refuse)? || request.dry_run {
                return Ok(());
            }
            match self.objects.update(self.quotas, quota).await {
                Err(status) if status.reason == "Conflict" => {}
                outcome => return outcome.map(drop),
            }
        }
        Err(Status::modified(self.quotas, name))
    }
}

#[async_trait]
impl Admit for ResourceQuota {
    fn name(&self) -> &'static str {
        "ResourceQuota"
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let write = matches!(request.operation, Operation::Create | Operation::Update);
        if !write || !request.subresource.is_empty() || request.namespace.is_empty() || request.kind.storage.is_empty()
        {
            return Ok(());
        }
        let quotas = self.objects.items(self.quotas, request.namespace);
        if quotas.is_empty() {
            return Ok(());
        }
        let old = request.old.filter(|_| request.operation == Operation::Update);
        let wanted = charge::Wanted {
            now: quota::usage(request.kind, &request.object),
            before: old.map(|old| quota::usage(request.kind, old)).unwrap_or_default(),
            is_new: old.is_none(),
            pod: is_pod(request.kind).then(|| request.object.clone()),
        };
        if wanted.is_new && wanted.now.is_empty() {
            return Ok(());
        }
        for quota in quotas {
            self.charge(request, &quota.meta.name, &wanted).await?;
        }
        Ok(())
    }
}

fn is_pod(kind: &Kind) -> bool {
    kind.group.is_empty() && kind.plural == "pods"
}

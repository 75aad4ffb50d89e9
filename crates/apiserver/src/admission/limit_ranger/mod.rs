//! LimitRanger: a namespace's LimitRanges give containers what they did not say and refuse what is too little or too much.

use api::kind::Kind;
use async_trait::async_trait;
use serde_json::Value;

use crate::admit::{AdmissionRequest, Admit, Operation};
use crate::objects::Objects;
use crate::rows::row;
use crate::status::Status;

mod check;
mod defaults;

pub struct LimitRanger {
    objects: Objects,
    ranges: &'static Kind,
}

impl LimitRanger {
    pub fn new(objects: Objects) -> Self {
        Self { objects, ranges: row("", "v1", "limitranges") }
    }

    fn ranges(&self, request: &AdmissionRequest<'_>) -> Vec<Value> {
        self.objects.list(self.ranges, request.namespace)
    }
}

/// Pods and claims when they are made; Pods that are going away are let be.
fn concerned(request: &AdmissionRequest<'_>) -> Option<&'static str> {
    if !request.subresource.is_empty()
        || !request.kind.group.is_empty()
        || !request.object["metadata"]["deletionTimestamp"].is_null()
    {
        return None;
    }
    match (request.kind.plural, request.operation) {
        ("pods", Operation::Create) => Some("Pod"),
        ("persistentvolumeclaims", Operation::Create | Operation::Update) => Some("PersistentVolumeClaim"),
        _ => None,
    }
}

#[async_trait]
impl Admit for LimitRanger {
    fn name(&self) -> &'static str {
        "LimitRanger"
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        if concerned(request) == Some("Pod") {
            for range in self.ranges(request) {
                defaults::apply(&range, &mut request.object);
            }
        }
        Ok(())
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let Some(kind) = concerned(request) else { return Ok(()) };
        for range in self.ranges(request) {
            let errors = match kind {
                "Pod" => check::pod(&range, &request.object),
                _ => check::claim(&range, &request.object),
            };
            match errors.as_slice() {
                [] => {}
                [one] => return Err(Status::forbidden(request.kind, request.name, one)),
                many => return Err(Status::forbidden(request.kind, request.name, &format!("[{}]", many.join(", ")))),
            }
        }
        Ok(())
    }
}

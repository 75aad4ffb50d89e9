//! PersistentVolumeClaimResize: a claim grows only once it is bound, and where its StorageClass lets volumes grow.

use api::kind::Kind;
use api::quantity::Quantity;
use api::quota::amounts;
use async_trait::async_trait;
use serde_json::Value;

use crate::admit::{AdmissionRequest, Admit, Operation};
use crate::objects::Objects;
use crate::rows::row;
use crate::status::Status;

const UNBOUND: &str = "Only bound persistent volume claims can be expanded";
const FIXED: &str =
    "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize";

pub struct PersistentVolumeClaimResize {
    objects: Objects,
    classes: &'static Kind,
}

fn size(claim: &Value) -> Quantity {
    amounts::quantity(&claim["spec"]["resources"]["requests"]["storage"]).unwrap_or_default()
}

/// The class by its older annotation, else by its field (upstream's GetPersistentVolumeClaimClass).
fn class(claim: &Value) -> &str {
    let older = &claim["metadata"]["annotations"]["volume.beta.kubernetes.io/storage-class"];
    older.as_str().or(claim["spec"]["storageClassName"].as_str()).unwrap_or_default()
}

impl PersistentVolumeClaimResize {
    pub fn new(objects: Objects) -> Self {
        Self { objects, classes: row("storage.k8s.io", "v1", "storageclasses") }
    }

    fn may_grow(&self, claim: &Value, old: &Value) -> bool {
        let name = class(claim);
        let found =
            (!name.is_empty() && name == class(old)).then(|| self.objects.get(self.classes, "", name)).flatten();
        found.is_some_and(|class| class["allowVolumeExpansion"] == true)
    }
}

#[async_trait]
impl Admit for PersistentVolumeClaimResize {
    fn name(&self) -> &'static str {
        "PersistentVolumeClaimResize"
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let claim = request.kind.group.is_empty() && request.kind.plural == "persistentvolumeclaims";
        let Some(old) = request.old.filter(|_| claim && request.operation == Operation::Update) else { return Ok(()) };
        if !request.subresource.is_empty() || size(&request.object) <= size(old) {
            return Ok(());
        }
        let refuse = |why: &str| Err(Status::forbidden(request.kind, request.name, why));
        match (old["status"]["phase"] == "Bound", self.may_grow(&request.object, old)) {
            (false, _) => refuse(UNBOUND),
            (true, false) => refuse(FIXED),
            (true, true) => Ok(()),
        }
    }
}

//! StorageObjectInUseProtection: claims and volumes get the finalizer that keeps them while they are used.

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::admit::{AdmissionRequest, Admit, Operation};
use crate::status::Status;

pub struct StorageObjectInUseProtection;

#[async_trait]
impl Admit for StorageObjectInUseProtection {
    fn name(&self) -> &'static str {
        "StorageObjectInUseProtection"
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        let finalizer = match (request.kind.group, request.kind.plural) {
            ("", "persistentvolumeclaims") => "kubernetes.io/pvc-protection",
            ("", "persistentvolumes") => "kubernetes.io/pv-protection",
            ("storage.k8s.io", "volumeattributesclasses") => "kubernetes.io/vac-protection",
            _ => return Ok(()),
        };
        if request.operation != Operation::Create || !request.subresource.is_empty() {
            return Ok(());
        }
        let metadata = &mut request.object["metadata"];
        match metadata.get_mut("finalizers").and_then(Value::as_array_mut) {
            Some(list) if list.iter().any(|have| have == finalizer) => {}
            Some(list) => list.push(finalizer.into()),
            None => metadata["finalizers"] = json!([finalizer]),
        }
        Ok(())
    }
}

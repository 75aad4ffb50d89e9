//! DefaultStorageClass and DefaultIngressClass: who names no class gets the one that is marked as default.

use api::kind::Kind;
use async_trait::async_trait;
use serde_json::Value;

use crate::admit::{AdmissionRequest, Admit, Operation};
use crate::objects::Objects;
use crate::rows::row;
use crate::status::Status;

/// One of both plugins.
pub struct DefaultClass {
    name: &'static str,
    objects: Objects,
    classes: &'static Kind,
    mark: &'static str,
    of: &'static Kind,
    field: &'static str,
    old_annotation: &'static str,
}

impl DefaultClass {
    pub fn storage(objects: Objects) -> Self {
        Self {
            name: "DefaultStorageClass",
            objects,
            classes: row("storage.k8s.io", "v1", "storageclasses"),
            mark: "storageclass.kubernetes.io/is-default-class",
            of: row("", "v1", "persistentvolumeclaims"),
            field: "storageClassName",
            old_annotation: "volume.beta.kubernetes.io/storage-class",
        }
    }

    pub fn ingress(objects: Objects) -> Self {
        Self {
            name: "DefaultIngressClass",
            objects,
            classes: row("networking.k8s.io", "v1", "ingressclasses"),
            mark: "ingressclass.kubernetes.io/is-default-class",
            of: row("networking.k8s.io", "v1", "ingresses"),
            field: "ingressClassName",
            old_annotation: "kubernetes.io/ingress.class",
        }
    }

    /// The newest of those that are marked, then the first by name, as upstream picks one.
    fn default(&self) -> Option<String> {
        let marked = self
            .objects
            .list(self.classes, "")
            .into_iter()
            .filter(|class| class["metadata"]["annotations"][self.mark] == "true");
        let text = |class: &Value, field: &str| class["metadata"][field].as_str().unwrap_or_default().to_owned();
        let best =
            marked.min_by_key(|class| (std::cmp::Reverse(text(class, "creationTimestamp")), text(class, "name")))?;
        Some(text(&best, "name"))
    }
}

#[async_trait]
impl Admit for DefaultClass {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        let concerned = request.kind.group == self.of.group && request.kind.plural == self.of.plural;
        if !concerned || request.operation != Operation::Create || !request.subresource.is_empty() {
            return Ok(());
        }
        let named = !request.object["spec"][self.field].is_null();
        let annotated = request.object["metadata"]["annotations"].get(self.old_annotation).is_some();
        if let Some(class) = self.default().filter(|_| !named && !annotated) {
            request.object["spec"][self.field] = class.into();
        }
        Ok(())
    }
}

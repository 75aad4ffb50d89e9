//! NamespaceLifecycle: nothing is made in a namespace that does not exist or is going away; three namespaces never go away.

use api::kind::Kind;
use async_trait::async_trait;

use crate::admit::{AdmissionRequest, Admit, Operation};
use crate::objects::Objects;
use crate::rows::row;
use crate::status::Status;

const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];

pub struct NamespaceLifecycle {
    objects: Objects,
    namespaces: &'static Kind,
}

impl NamespaceLifecycle {
    pub fn new(objects: Objects) -> Self {
        Self { objects, namespaces: row("", "v1", "namespaces") }
    }
}

#[async_trait]
impl Admit for NamespaceLifecycle {
    fn name(&self) -> &'static str {
        "NamespaceLifecycle"
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let of_namespace = request.kind.group.is_empty() && request.kind.plural == "namespaces";
        if of_namespace {
            if request.operation == Operation::Delete && IMMORTAL.contains(&request.name) {
                return Err(Status::forbidden(request.kind, request.name, "this namespace may not be deleted"));
            }
            return Ok(());
        }
        if request.namespace.is_empty() || request.operation != Operation::Create {
            return Ok(());
        }
        // Reviews are asked about namespaces that need not exist.
        if request.kind.group == "authorization.k8s.io" && request.kind.plural == "localsubjectaccessreviews" {
            return Ok(());
        }
        let Some(item) = self.objects.item(self.namespaces, "", request.namespace) else {
            return Err(Status::not_found(self.namespaces, request.namespace));
        };
        let phase =
            item.meta.fields.iter().find(|(label, _)| *label == "status.phase").map(|(_, phase)| phase.as_str());
        if !item.meta.deleting && phase != Some("Terminating") {
            return Ok(());
        }
        let namespace = request.namespace;
        let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
        let status = Status::forbidden(request.kind, request.name, &why);
        Err(status.cause(
            "NamespaceTerminating",
            format!("namespace {namespace} is being terminated"),
            "metadata.namespace",
        ))
    }
}

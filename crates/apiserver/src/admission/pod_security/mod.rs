//! PodSecurity: namespaces say by label which of the three Pod Security Standards their Pods must meet (enforce), and which are told to users
//! as warnings. Exemptions by configuration are not served.

use api::kind::Kind;
use async_trait::async_trait;
use serde_json::Value;

use crate::admit::{AdmissionRequest, Admit, Operation};
use crate::objects::Objects;
use crate::rows::row;
use crate::status::Status;

mod baseline;
mod containers;
mod namespace;
mod policy;
mod restricted;
mod standards;

use policy::Policies;
#[cfg(test)]
pub(super) use standards::Level;
pub(super) use standards::violations;

pub struct PodSecurity {
    objects: Objects,
    namespaces: &'static Kind,
    pods: &'static Kind,
}

impl PodSecurity {
    pub fn new(objects: Objects) -> Self {
        Self { objects, namespaces: row("", "v1", "namespaces"), pods: row("", "v1", "pods") }
    }

    fn policies(&self, namespace: &str) -> Policies {
        let item = self.objects.item(self.namespaces, "", namespace);
        Policies::read(|name| item.as_ref().and_then(|item| item.meta.labels.get(name).map(String::as_str)))
    }

    fn namespace(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        if let Some(policy) = namespace::check(request)? {
            let pods = self.objects.list(self.pods, request.name);
            namespace::warnings(request.name, &policy, &pods).into_iter().for_each(|text| request.warnings.add(text));
        }
        Ok(())
    }
}

/// Kinds with a Pod in them, and where it is.
fn pod_of<'a>(kind: &Kind, object: &'a Value) -> Option<(&'a Value, &'a Value)> {
    let template = match (kind.group, kind.plural) {
        ("", "pods") => return Some((&object["metadata"], &object["spec"])),
        ("", "podtemplates") => &object["template"],
        ("", "replicationcontrollers")
        | ("apps", "deployments" | "replicasets" | "statefulsets" | "daemonsets")
        | ("batch", "jobs") => &object["spec"]["template"],
        ("batch", "cronjobs") => &object["spec"]["jobTemplate"]["spec"]["template"],
        _ => return None,
    };
    template.is_object().then(|| (&template["metadata"], &template["spec"]))
}

/// A Pod's spec without what the standards do not look at.
fn significant(pod: &Value) -> Value {
    let mut spec = pod["spec"].clone();
    if let Some(spec) = spec.as_object_mut() {
        let free =
            |field: &str| matches!(field, "tolerations" | "activeDeadlineSeconds" | "terminationGracePeriodSeconds");
        spec.retain(|field, _| !free(field));
    }
    for list in ["containers", "initContainers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            container["image"] = Value::Null;
        }
    }
    spec
}

/// An update that does not touch what the standards look at needs no new verdict.
fn insignificant(request: &AdmissionRequest<'_>) -> bool {
    let same = |old: &Value| significant(old) == significant(&request.object);
    request.operation == Operation::Update && request.subresource.is_empty() && request.old.is_some_and(same)
}

#[async_trait]
impl Admit for PodSecurity {
    fn name(&self) -> &'static str {
        "PodSecurity"
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let write = matches!(request.operation, Operation::Create | Operation::Update);
        if !write || !matches!(request.subresource, "" | "ephemeralcontainers") {
            return Ok(());
        }
        if request.kind.group.is_empty() && request.kind.plural == "namespaces" {
            return if request.subresource.is_empty() { self.namespace(request) } else { Ok(()) };
        }
        let Some((metadata, spec)) = pod_of(request.kind, &request.object) else { return Ok(()) };
        let is_pod = request.kind.group.is_empty() && request.kind.plural == "pods";
        if is_pod && insignificant(request) {
            return Ok(());
        }
        let Policies { enforce, warn } = self.policies(request.namespace);
        if is_pod {
            let found = violations(enforce.level, metadata, spec);
            if !found.is_empty() {
                let why = format!("violates PodSecurity \"{enforce}\": {found}");
                return Err(Status::forbidden(request.kind, request.name, &why));
            }
        }
        let found = violations(warn.level, metadata, spec);
        if !found.is_empty() {
            request.warnings.add(format!("would violate PodSecurity \"{warn}\": {found}"));
        }
        Ok(())
    }
}

//! RuntimeClass: a Pod gets its class's overhead and where it can run.

use api::kind::Kind;
use async_trait::async_trait;
use serde_json::{Value, json};

use crate::admit::{AdmissionRequest, Admit, Operation};
use crate::objects::Objects;
use crate::rows::row;
use crate::status::Status;

pub struct RuntimeClass {
    objects: Objects,
    classes: &'static Kind,
}

impl RuntimeClass {
    pub fn new(objects: Objects) -> Self {
        Self { objects, classes: row("node.k8s.io", "v1", "runtimeclasses") }
    }
}

/// Overhead and scheduling of the class, or why they do not go together with the Pod's own. Pure.
pub(super) fn apply(pod: &mut Value, class: Option<&Value>) -> Result<(), String> {
    let fixed = class.map(|class| class["overhead"]["podFixed"].clone()).filter(|fixed| !fixed.is_null());
    let own = &pod["spec"]["overhead"];
    match fixed {
        None if !own.is_null() => {
            return Err("pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead".to_owned());
        }
        Some(fixed) if !own.is_null() && *own != fixed => {
            return Err("pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead".to_owned());
        }
        Some(fixed) => pod["spec"]["overhead"] = fixed,
        None => {}
    }
    let Some(scheduling) = class.map(|class| &class["scheduling"]) else { return Ok(()) };
    for (key, value) in scheduling["nodeSelector"].as_object().into_iter().flatten() {
        let have = &pod["spec"]["nodeSelector"][key];
        if !have.is_null() && have != value {
            return Err(format!(
                "conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; pod.spec.nodeSelector[{key}] = {have}"
            ));
        }
        pod["spec"]["nodeSelector"][key.as_str()] = value.clone();
    }
    for toleration in scheduling["tolerations"].as_array().into_iter().flatten() {
        match pod["spec"].get_mut("tolerations").and_then(Value::as_array_mut) {
            Some(list) if list.contains(toleration) => {}
            Some(list) => list.push(toleration.clone()),
            None => pod["spec"]["tolerations"] = json!([toleration]),
        }
    }
    Ok(())
}

#[async_trait]
impl Admit for RuntimeClass {
    fn name(&self) -> &'static str {
        "RuntimeClass"
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        let pod = request.kind.group.is_empty() && request.kind.plural == "pods" && request.subresource.is_empty();
        if !pod || request.operation != Operation::Create {
            return Ok(());
        }
        let name = request.object["spec"]["runtimeClassName"].as_str().unwrap_or_default().to_owned();
        let class = self.objects.get(self.classes, "", &name);
        let refuse = |why: &str| Status::forbidden(request.kind, request.name, why);
        if !name.is_empty() && class.is_none() {
            return Err(refuse(&format!("pod rejected: RuntimeClass {name:?} not found")));
        }
        apply(&mut request.object, class.as_ref()).map_err(|why| refuse(&why))
    }
}

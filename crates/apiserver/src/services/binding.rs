//! Binding a Pod to a node: pods/binding, and the older `bindings`.

use api::field_error::FieldError;
use api::kind::Kind;
use async_trait::async_trait;
use http::Response;
use serde_json::Value;

use super::{answer, pod_condition};
use crate::body::Body;
use crate::objects::{Objects, timestamp};
use crate::rows::row;
use crate::service::{Call, Service};
use crate::status::Status;

const TRIES: usize = 5;

/// Sets spec.nodeName, once.
pub struct Bind {
    pods: &'static Kind,
}

impl Bind {
    #[expect(clippy::new_without_default, reason = "reads like the other services")]
    pub fn new() -> Self {
        Self { pods: row("", "v1", "pods") }
    }

    async fn bind(
        &self,
        objects: &Objects,
        namespace: &str,
        name: &str,
        binding: &Value,
        dry_run: bool,
    ) -> Result<(), Status> {
        let mut last = Status::modified(self.pods, name);
        for _ in 0..TRIES {
            let mut pod = objects.get(self.pods, namespace, name).ok_or_else(|| Status::not_found(self.pods, name))?;
            check_preconditions(&pod, binding).map_err(|why| Status::conflict(self.pods, name, &why))?;
            assign(&mut pod, binding, &timestamp(objects.env().now()))
                .map_err(|why| Status::conflict_resource("", "pods/binding", name, &why))?;
            if dry_run {
                return Ok(());
            }
            match objects.update(self.pods, pod).await {
                Err(status) if status.reason == "Conflict" => last = status,
                outcome => return outcome.map(drop),
            }
        }
        Err(last)
    }
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

/// The uid and the resourceVersion that a binding names are those of the Pod it means.
fn check_preconditions(pod: &Value, binding: &Value) -> Result<(), String> {
    for (field, name) in [("uid", "UID"), ("resourceVersion", "ResourceVersion")] {
        let (found, wanted) = (text(&pod["metadata"], field), text(&binding["metadata"], field));
        if !wanted.is_empty() && wanted != found {
            return Err(format!(
                "Precondition failed: {name} in precondition: {wanted}, {name} in object meta: {found}"
            ));
        }
    }
    Ok(())
}

/// The Pod as it is once bound. Pure.
pub(super) fn assign(pod: &mut Value, binding: &Value, now: &str) -> Result<(), String> {
    let metadata = &pod["metadata"];
    let name = text(metadata, "name");
    if !metadata["deletionTimestamp"].is_null() {
        return Err(format!("pod {name} is being deleted, cannot be assigned to a host"));
    }
    let node = text(&pod["spec"], "nodeName");
    if !node.is_empty() {
        return Err(format!("pod {name} is already assigned to node {node:?}"));
    }
    if pod["spec"]["schedulingGates"].as_array().is_some_and(|gates| !gates.is_empty()) {
        return Err(format!("pod {name} has non-empty .spec.schedulingGates"));
    }
    pod["spec"]["nodeName"] = binding["target"]["name"].clone();
    for field in ["annotations", "labels"] {
        for (key, value) in binding["metadata"][field].as_object().into_iter().flatten() {
            pod["metadata"][field][key.as_str()] = value.clone();
        }
    }
    pod_condition::set(pod, "PodScheduled", ("", ""), now);
    Ok(())
}

/// Upstream's ValidatePodBinding.
pub(super) fn validate(binding: &Value) -> Vec<FieldError> {
    let target = &binding["target"];
    let mut errors = Vec::new();
    if !matches!(text(target, "kind"), "" | "Node") {
        errors.push(FieldError::not_supported("target.kind", &target["kind"], &["Node", "<empty>"]));
    }
    if text(target, "name").is_empty() {
        errors.push(FieldError::required("target.name", ""));
    }
    errors
}

#[async_trait]
impl Service for Bind {
    async fn handle(&self, mut call: Call) -> Result<Response<Body>, Status> {
        let binding = call.read().await?;
        let name = text(&binding["metadata"], "name");
        if !call.info.name.is_empty() && call.info.name != name {
            return Err(Status::bad_request("name in URL does not match name in Binding object"));
        }
        // Upstream has no Status for these, only their texts.
        match validate(&binding).as_slice() {
            [] if name.is_empty() => return Err(Status::bad_request("Name parameter required.")),
            [] => {}
            [one] => return Err(Status::unexplained(one.to_string())),
            many => {
                let texts: Vec<String> = many.iter().map(ToString::to_string).collect();
                return Err(Status::unexplained(format!("[{}]", texts.join(", "))));
            }
        }
        let dry_run = answer::dry_run(&call);
        self.bind(&call.objects, &call.info.namespace, name, &binding, dry_run).await?;
        answer::created(&call)
    }
}

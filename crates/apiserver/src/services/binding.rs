//! Binding a Pod to a node: pods/binding, and the older `bindings`.

use api::field_error::FieldError;
use api::kind::Kind;
use async_trait::async_trait;
use http::Response;
use serde_json::{Value, json};

use super::answer;
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
            assign(&mut pod, binding, &timestamp(objects.env().now())).map_err(|why| conflict(name, &why))?;
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

fn conflict(name: &str, why: &str) -> Status {
    let message = format!("Operation cannot be fulfilled on pods/binding {name:?}: {why}");
    answer::conflict("pods/binding", name, message)
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

/// The Pod as it is once bound. Pure.
pub(super) fn assign(pod: &mut Value, binding: &Value, now: &str) -> Result<(), String> {
    let metadata = &pod["metadata"];
    let name = text(metadata, "name");
    let (uid, wanted) = (text(metadata, "uid"), text(&binding["metadata"], "uid"));
    if !wanted.is_empty() && wanted != uid {
        return Err(format!("Precondition failed: UID in precondition: {wanted}, UID in object meta: {uid}"));
    }
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
    set_scheduled(pod, now);
    Ok(())
}

fn set_scheduled(pod: &mut Value, now: &str) {
    let scheduled = json!({"type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": now});
    let scheduled: Value = scheduled
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| !value.is_null())
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let status = &mut pod["status"];
    match status.get_mut("conditions").and_then(Value::as_array_mut) {
        Some(conditions) => match conditions.iter_mut().find(|condition| condition["type"] == "PodScheduled") {
            Some(condition) => *condition = scheduled,
            None => conditions.push(scheduled),
        },
        None => status["conditions"] = json!([scheduled]),
    }
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
        let binding = answer::read(&mut call).await?;
        let name = if call.info.name.is_empty() { text(&binding["metadata"], "name") } else { call.info.name.as_str() };
        let errors = validate(&binding);
        if !errors.is_empty() {
            return Err(Status::invalid_kind("", "Binding", name, &errors));
        }
        let dry_run = answer::dry_run(&call);
        self.bind(&call.objects, &call.info.namespace, name, &binding, dry_run).await?;
        answer::created(&call)
    }
}

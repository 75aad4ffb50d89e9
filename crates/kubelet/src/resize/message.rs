//! The text of events about resizes: a few words, then the resources as JSON, in upstream's order of fields.

use k8s_openapi::api::core::v1::{Container, Pod, ResourceRequirements};
use serde::Serialize;

use crate::containers::{containers, init_containers};

#[derive(Serialize)]
struct Allocation<'a> {
    name: &'a str,
    resources: ResourceRequirements,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    init_containers: Vec<Allocation<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    containers: Vec<Allocation<'a>>,
    generation: i64,
    #[serde(skip_serializing_if = "str::is_empty")]
    error: &'a str,
}

/// `Pod resize started: {"containers":[...],"generation":2}`
pub fn text(what: &str, pod: &Pod, error: &str) -> String {
    let summary = Summary {
        init_containers: allocations(init_containers(pod)),
        containers: allocations(containers(pod)),
        generation: pod.metadata.generation.unwrap_or_default(),
        error,
    };
    match serde_json::to_string(&summary) {
        Ok(json) => format!("Pod resize {what}: {json}"),
        // Names and quantities are text; upstream falls back to the bare words, too.
        Err(_) => format!("Pod resize {what}"),
    }
}

fn allocations(containers: &[Container]) -> Vec<Allocation<'_>> {
    let one = |container: &'_ Container| container.resources.clone().unwrap_or_default();
    containers.iter().map(|container| Allocation { name: &container.name, resources: one(container) }).collect()
}

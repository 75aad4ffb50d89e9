//! PodResizeValidator: a Pod grows to what its node has at most, and only where the node is a Linux one.

use api::kind::Kind;
use api::quota::amounts;
use async_trait::async_trait;
use serde_json::Value;

use crate::admit::{AdmissionRequest, Admit, Operation};
use crate::objects::Objects;
use crate::rows::row;
use crate::status::Status;

pub struct PodResizeValidator {
    objects: Objects,
    nodes: &'static Kind,
}

/// Why the node cannot hold what the Pod asks for, whatever else runs there. Pure.
pub(super) fn exceeds(pod: &Value, allocatable: &Value) -> Option<String> {
    let (wanted, there) = (amounts::of_pod(pod, "requests"), amounts::read(allocatable));
    let over = |name: &str| {
        let wanted = wanted.get(name).copied().unwrap_or_default();
        let there = there.get(name).copied().unwrap_or_default();
        let [asked, most] = [wanted, there].map(|amount| match name {
            "cpu" => amount.milli_value(),
            _ => amount.value(),
        });
        (wanted > there).then(|| format!("{name}, requested: {asked}, allocatable: {most}"))
    };
    let over: Vec<String> = ["cpu", "memory"].into_iter().filter_map(over).collect();
    (!over.is_empty()).then(|| format!("node didn't have enough allocatable resources: {}", over.join("; ")))
}

impl PodResizeValidator {
    pub fn new(objects: Objects) -> Self {
        Self { objects, nodes: row("", "v1", "nodes") }
    }
}

#[async_trait]
impl Admit for PodResizeValidator {
    fn name(&self) -> &'static str {
        "PodResizeValidator"
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let pod = request.kind.group.is_empty() && request.kind.plural == "pods" && request.subresource == "resize";
        let Some(old) = request.old.filter(|_| pod && request.operation == Operation::Update) else { return Ok(()) };
        let name = request.object["spec"]["nodeName"].as_str().unwrap_or_default();
        if name.is_empty() || old["metadata"]["generation"] == request.object["metadata"]["generation"] {
            return Ok(());
        }
        let refuse = |why: &str| Status::forbidden(request.kind, request.name, why);
        let node = self.objects.get(self.nodes, "", name);
        let node = node.ok_or_else(|| refuse(&format!("node {name:?} not found")))?;
        let system = node["metadata"]["labels"]["kubernetes.io/os"].as_str();
        if let Some(system) = system.filter(|system| *system != "linux") {
            let why = format!("pod resize is only supported on linux nodes, node {name:?} is {system:?}");
            return Err(refuse(&why).cause("UnsupportedPlatform", "", ""));
        }
        match exceeds(&request.object, &node["status"]["allocatable"]) {
            Some(why) => Err(refuse(&why).cause("NodeCapacity", "", "")),
            None => Ok(()),
        }
    }
}

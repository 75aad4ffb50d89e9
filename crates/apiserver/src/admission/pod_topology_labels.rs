//! PodTopologyLabels (KEP-4742): a Pod has the zone and the region of its node as labels, from when it is bound or made for a node.

use api::kind::Kind;
use async_trait::async_trait;
use serde_json::{Map, Value, json};

use crate::admit::{AdmissionRequest, Admit, Operation};
use crate::objects::Objects;
use crate::rows::row;
use crate::status::Status;

const LABELS: [&str; 2] = ["topology.kubernetes.io/zone", "topology.kubernetes.io/region"];

pub struct PodTopologyLabels {
    objects: Objects,
    nodes: &'static Kind,
}

/// Which node the Pod or Binding is for. Pure.
fn node<'a>(object: &'a Value, subresource: &str) -> Option<&'a str> {
    let name = match subresource {
        "" => &object["spec"]["nodeName"],
        "binding" if object["target"]["kind"] == "Node" => &object["target"]["name"],
        _ => return None,
    };
    name.as_str().filter(|name| !name.is_empty())
}

impl PodTopologyLabels {
    pub fn new(objects: Objects) -> Self {
        Self { objects, nodes: row("", "v1", "nodes") }
    }

    /// A node that is not there has none.
    fn labels(&self, node: &str) -> Map<String, Value> {
        let node = self.objects.get(self.nodes, "", node).unwrap_or_default();
        let label = |name: &&str| Some((name.to_string(), node["metadata"]["labels"].get(*name)?.clone()));
        LABELS.iter().filter_map(label).collect()
    }
}

#[async_trait]
impl Admit for PodTopologyLabels {
    fn name(&self) -> &'static str {
        "PodTopologyLabels"
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        let pod = request.kind.group.is_empty() && request.kind.plural == "pods";
        if !pod || request.operation != Operation::Create {
            return Ok(());
        }
        let Some(labels) = node(&request.object, request.subresource).map(|node| self.labels(node)) else {
            return Ok(());
        };
        let have = &request.object["metadata"]["labels"];
        if labels.iter().all(|(name, value)| have.get(name) == Some(value)) {
            return Ok(());
        }
        // What the Pod said of its place gives way to where it is.
        match request.object["metadata"].get_mut("labels").and_then(Value::as_object_mut) {
            Some(own) => own.extend(labels),
            None => request.object["metadata"]["labels"] = json!(labels),
        }
        Ok(())
    }
}

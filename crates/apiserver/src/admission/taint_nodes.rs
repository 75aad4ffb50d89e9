//! TaintNodesByCondition: a new node takes no Pods until it has said that it is ready.

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::admit::{AdmissionRequest, Admit, Operation};
use crate::status::Status;

pub struct TaintNodesByCondition;

#[async_trait]
impl Admit for TaintNodesByCondition {
    fn name(&self) -> &'static str {
        "TaintNodesByCondition"
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        let node = request.kind.group.is_empty() && request.kind.plural == "nodes" && request.subresource.is_empty();
        if !node || request.operation != Operation::Create {
            return Ok(());
        }
        let taint = json!({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"});
        let spec = &mut request.object["spec"];
        match spec.get_mut("taints").and_then(Value::as_array_mut) {
            Some(taints)
                if taints.iter().any(|have| have["key"] == taint["key"] && have["effect"] == taint["effect"]) => {}
            Some(taints) => taints.push(taint),
            None => spec["taints"] = json!([taint]),
        }
        Ok(())
    }
}

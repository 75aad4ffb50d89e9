//! DefaultTolerationSeconds: Pods stay five minutes on a node that is not ready or cannot be reached, unless they say otherwise.

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::admit::{AdmissionRequest, Admit, Operation};
use crate::status::Status;

const SECONDS: i64 = 300;
const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";

pub struct DefaultTolerationSeconds;

/// Whether a toleration already speaks of this taint.
fn speaks_of(toleration: &Value, key: &str) -> bool {
    let text = |field: &str| toleration[field].as_str().unwrap_or_default();
    (text("key") == key || text("key").is_empty()) && matches!(text("effect"), "" | "NoExecute")
}

/// Adds what is missing. Pure.
pub(super) fn complete(pod: &mut Value) {
    let list = pod["spec"]["tolerations"].as_array().cloned().unwrap_or_default();
    let missing =
        [NOT_READY, UNREACHABLE].into_iter().filter(|key| !list.iter().any(|toleration| speaks_of(toleration, key)));
    let added = missing
        .map(|key| json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": SECONDS}));
    let all: Vec<Value> = list.iter().cloned().chain(added).collect();
    if all.len() > list.len() {
        pod["spec"]["tolerations"] = all.into();
    }
}

#[async_trait]
impl Admit for DefaultTolerationSeconds {
    fn name(&self) -> &'static str {
        "DefaultTolerationSeconds"
    }

    async fn mutate(&self, request: &mut AdmissionRequest<'_>) -> Result<(), Status> {
        let write = matches!(request.operation, Operation::Create | Operation::Update);
        if write && request.kind.group.is_empty() && request.kind.plural == "pods" && request.subresource.is_empty() {
            complete(&mut request.object);
        }
        Ok(())
    }
}

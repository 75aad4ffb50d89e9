//! Marks the server's own node with its role. A kubelet may not set a role label on itself (NodeRestriction), so the server does.

use client::runtime::{Controller, Plan};
use client::{Informers, Lister, Object};
use k8s_openapi::api::core::v1::Node;
use serde_json::json;

const LABEL: &str = "node-role.kubernetes.io/control-plane";

/// Keeps the label on the node of this name, also when it is deleted and registers again.
pub async fn keep(informers: Informers, name: String) {
    let mut controller = Controller::new("control-plane-role", &informers, informers.client().clone()).workers(1);
    let nodes: Lister<Node> = controller.own();
    controller
        .run(move |key, _| {
            let mut plan = Plan::new();
            let unmarked = |node: &std::sync::Arc<Node>| node.name() == name && node.label(LABEL).is_none();
            if let Some(node) = nodes.get(key).filter(unmarked) {
                plan.patch(&*node, json!({"metadata": {"labels": {LABEL: ""}}}));
            }
            plan
        })
        .await;
}

//! The node's heartbeat: its Lease in kube-node-lease, renewed every 10 s, held for 40 s.

use std::sync::Arc;
use std::time::Duration;

use client::{ObjectKey, ResourceType};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Node;
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval};

use crate::context::Context;

const NAMESPACE: &str = "kube-node-lease";
const SECONDS: i32 = 40;
const PERIOD: Duration = Duration::from_secs(10);

/// Renews for ever. `node` is the registered object: the Lease goes with it.
pub async fn run(context: Arc<Context>, node: Arc<Node>) {
    let mut timer = interval(PERIOD);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut held: Option<Value> = None;
    loop {
        timer.tick().await;
        let renewed = match held.take() {
            Some(lease) => renew(&context, lease).await,
            None => acquire(&context, &node).await,
        };
        match renewed {
            Ok(lease) => held = Some(lease),
            Err(error) => tracing::warn!(%error, "node lease not renewed"),
        }
    }
}

fn key(context: &Context) -> ObjectKey {
    ObjectKey::new(NAMESPACE, &context.config.node.name)
}

fn time(context: &Context) -> Value {
    json!(context.env.now().strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string())
}

async fn acquire(context: &Context, node: &Node) -> client::Result<Value> {
    let resource = ResourceType::of::<Lease>();
    if let Some(lease) = context.rest.find(&resource, &key(context)).await? {
        return renew(context, lease).await;
    }
    let name = &context.config.node.name;
    let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": name, "namespace": NAMESPACE, "ownerReferences": [
            {"apiVersion": "v1", "kind": "Node", "name": name, "uid": node.metadata.uid}]},
        "spec": {"holderIdentity": name, "leaseDurationSeconds": SECONDS, "renewTime": time(context)}});
    context.rest.create(&resource, NAMESPACE, &lease).await
}

async fn renew(context: &Context, mut lease: Value) -> client::Result<Value> {
    lease["spec"]["renewTime"] = time(context);
    lease["spec"]["holderIdentity"] = json!(context.config.node.name);
    lease["spec"]["leaseDurationSeconds"] = json!(SECONDS);
    context.rest.update(&ResourceType::of::<Lease>(), &key(context), None, &lease).await
}

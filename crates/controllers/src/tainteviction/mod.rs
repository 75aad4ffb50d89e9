//! Evicts Pods from nodes with NoExecute taints: at once what does not tolerate them, later what does for a time.

use std::time::Duration;

use client::events::Regarding;
use client::runtime::{Attempt, Controller, Plan};
use client::{Change, Lister, Object, ObjectKey};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod, Taint};

use crate::Context;
use crate::numbers::remaining;
use crate::placement::{self, tolerates};
use crate::pods::{self, BY_NODE, by_node};

#[cfg(test)]
mod tests;

pub async fn run(context: Context) {
    let mut controller =
        Controller::new("taint-eviction-controller", &context.informers, context.client.clone()).workers(8);
    let pods: Lister<Pod> = controller.own();
    pods.add_index(BY_NODE, by_node);
    let on_node = pods.clone();
    let nodes: Lister<Node> = controller.watch(move |change: &Change<Node>| {
        let taints = |side: &Option<std::sync::Arc<Node>>| side.as_ref().map(|node| no_execute(node));
        if taints(&change.old).unwrap_or_default() == taints(&change.new).unwrap_or_default() {
            return Vec::new();
        }
        on_node.by_index(BY_NODE, change.object().name()).iter().map(|pod| pod.key()).collect()
    });
    controller.run(move |key, attempt| plan(&pods, &nodes, key, attempt)).await;
}

fn no_execute(node: &Node) -> Vec<Taint> {
    placement::taints(node).iter().filter(|taint| taint.effect == "NoExecute").cloned().collect()
}

fn plan(pods: &Lister<Pod>, nodes: &Lister<Node>, key: &ObjectKey, attempt: &Attempt<'_>) -> Plan {
    let mut plan = Plan::new();
    let Some(pod) = pods.get(key).filter(|pod| !pod.is_deleting()) else { return plan };
    let Some(node) = nodes.get(&ObjectKey::cluster(pods::node_name(&pod))) else { return plan };
    match until_eviction(&pod, &no_execute(&node), attempt.now) {
        None => {}
        Some(Duration::ZERO) => evict(&mut plan, &pod, attempt.now),
        Some(wait) => plan.requeue_after(wait),
    }
    plan
}

/// How long the Pod may stay; None for ever.
fn until_eviction(pod: &Pod, taints: &[Taint], now: Timestamp) -> Option<Duration> {
    if taints.is_empty() {
        return None;
    }
    let tolerations = pod.spec.as_ref().and_then(|spec| spec.tolerations.as_deref()).unwrap_or_default();
    let created = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let mut shortest: Option<Duration> = None;
    for taint in taints {
        let Some(toleration) = tolerations.iter().find(|toleration| tolerates(toleration, taint)) else {
            return Some(Duration::ZERO);
        };
        if let Some(seconds) = toleration.toleration_seconds {
            // A Pod that came after the taint has its time from then on.
            let since = taint.time_added.as_ref().map(|time| time.0).max(created).unwrap_or(now);
            let left = remaining(since, seconds.max(0), now);
            shortest = Some(shortest.map_or(left, |shortest| shortest.min(left)));
        }
    }
    shortest
}

fn evict(plan: &mut Plan, pod: &Pod, now: Timestamp) {
    let message = format!("Marking for deletion Pod {}/{}", pod.namespace(), pod.name());
    plan.normal(Regarding::of(pod), "TaintManagerEviction", message);
    if pods::condition(pod, "DisruptionTarget").is_none_or(|condition| condition.status != "True") {
        let message = "Taint manager: deleting due to NoExecute taint";
        let condition = pods::disrupted(pod, "DeletionByTaintManager", message, now);
        plan.patch_sub(pod, "status", pods::status_patch(pod, vec![condition], None));
    }
    plan.delete(pod, None);
}

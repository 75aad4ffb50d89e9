//! Clears away Pods that nobody else will: those of nodes that are gone, those deleted before they had a node, and the
//! oldest ended ones when there are too many.

use std::time::Duration;

use client::runtime::{Attempt, Controller, Plan};
use client::{Change, DeleteOptions, Lister, Object, ObjectKey, ResourceType};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod};

use crate::Context;
use crate::pods::{self, BY_NODE, by_node};

#[cfg(test)]
mod tests;

/// How long a node may be missing before its Pods are given up.
const QUARANTINE: Duration = Duration::from_secs(40);
const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

pub async fn run(context: Context) {
    let mut controller = Controller::new("pod-garbage-collector", &context.informers, context.client.clone());
    let queue = controller.queue().clone();
    let pods: Lister<Pod> = controller.watch(|change: &Change<Pod>| {
        let ended = change.new.as_ref().is_some_and(|pod| pods::is_terminal(pod));
        let all = ended.then(ObjectKey::default);
        [change.key()].into_iter().chain(all).collect()
    });
    pods.add_index(BY_NODE, by_node);
    let on_node = pods.clone();
    let nodes: Lister<Node> = controller.watch(move |change: &Change<Node>| {
        let keys = on_node.by_index(BY_NODE, change.object().name()).into_iter().map(|pod| pod.key());
        if change.is_delete() {
            // Upstream's quarantine: the node may come back under its name.
            keys.for_each(|key| queue.add_after(key, QUARANTINE));
            return Vec::new();
        }
        keys.collect()
    });
    let (rest, threshold) = (controller.rest().clone(), context.config.terminated_pod_threshold);
    controller
        .run_async(move |key, attempt| {
            let (plan, missing) = plan(&pods, &nodes, key, &attempt, threshold);
            let rest = rest.clone();
            Box::pin(async move {
                // The cache may not have the node yet; the server knows.
                let Some(name) = missing else { return Ok(plan) };
                let node = rest.find(&ResourceType::of::<Node>(), &ObjectKey::cluster(name)).await;
                Ok(if matches!(node, Ok(None)) { plan } else { Plan::new() })
            })
        })
        .await;
}

/// The plan, and the node that must really be gone for it to hold.
fn plan(
    pods: &Lister<Pod>,
    nodes: &Lister<Node>,
    key: &ObjectKey,
    attempt: &Attempt<'_>,
    threshold: usize,
) -> (Plan, Option<String>) {
    if key.name.is_empty() {
        return (trim(pods, threshold), None);
    }
    let mut plan = Plan::new();
    let Some(pod) = pods.get(key) else { return (plan, None) };
    let node_name = pods::node_name(&pod);
    if node_name.is_empty() {
        if pod.is_deleting() {
            clear(&mut plan, &pod, None, attempt.now);
        }
        return (plan, None);
    }
    match nodes.get(&ObjectKey::cluster(node_name)) {
        None => {
            let missing_for = pod.metadata.creation_timestamp.as_ref().map(|time| attempt.now.duration_since(time.0));
            if missing_for.is_some_and(|age| Duration::try_from(age).unwrap_or_default() < QUARANTINE) {
                plan.requeue_after(QUARANTINE);
                return (plan, None);
            }
            clear(&mut plan, &pod, Some("PodGC: node no longer exists"), attempt.now);
            (plan, Some(node_name.to_owned()))
        }
        Some(node) => {
            let is_out = crate::placement::taints(&node).iter().any(|taint| taint.key == OUT_OF_SERVICE);
            if is_out && pod.is_deleting() {
                clear(&mut plan, &pod, None, attempt.now);
            }
            (plan, None)
        }
    }
}

/// Marks a Pod as failed, if nobody did, and takes it off without waiting for a kubelet.
fn clear(plan: &mut Plan, pod: &Pod, disruption: Option<&str>, now: Timestamp) {
    if !pods::is_terminal(pod) {
        let condition = disruption.map(|message| pods::disrupted(pod, "DeletionByPodGC", message, now));
        plan.patch_sub(pod, "status", pods::status_patch(pod, condition.into_iter().collect(), Some("Failed")));
    }
    plan.delete_with(pod, DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() }, None);
}

/// Deletes the oldest ended Pods beyond the threshold.
fn trim(pods: &Lister<Pod>, threshold: usize) -> Plan {
    let mut plan = Plan::new();
    let mut ended: Vec<_> =
        pods.list().into_iter().filter(|pod| pods::is_terminal(pod) && !pod.is_deleting()).collect();
    let surplus = if threshold == 0 { 0 } else { ended.len().saturating_sub(threshold) };
    ended.sort_by_key(|pod| (pod.metadata.creation_timestamp.as_ref().map(|time| time.0), pod.name().to_owned()));
    let options = || DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
    ended.iter().take(surplus).for_each(|pod| plan.delete_with(&**pod, options(), None));
    plan
}

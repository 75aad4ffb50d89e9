//! The decision about one node.

use std::sync::Arc;
use std::time::Duration;

use client::Object;
use client::events::Regarding;
use client::runtime::Plan;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod, PodCondition};
use serde_json::json;

use super::{health, taints};
use crate::Config;
use crate::numbers::time;
use crate::placement;
use crate::pods;

pub struct Observed<'a> {
    pub node: &'a Node,
    /// The Pods on it.
    pub pods: &'a [Arc<Pod>],
    pub last_heard: Timestamp,
    /// Leave to evict, or when to ask again.
    pub may_evict: &'a mut dyn FnMut(&mut Option<Duration>) -> bool,
    pub config: &'a Config,
    pub now: Timestamp,
}

pub fn reconcile(observed: &mut Observed) -> Plan {
    let mut plan = Plan::new();
    let now = observed.now;
    let node = judged(&mut plan, observed);
    if health::status(&node, "Ready") == Some("Unknown") {
        observed.pods.iter().for_each(|pod| mark_not_ready(&mut plan, pod, now));
    }
    let evict = evicting(&mut plan, observed, &node);
    let wanted = taints::wanted(&node, evict, now);
    if wanted != placement::taints(&node) {
        let metadata = json!({"uid": node.metadata.uid, "resourceVersion": node.metadata.resource_version});
        // After a status written just above, the revision is one of our own: the next round sets the taints.
        if plan.is_empty() {
            plan.patch(&node, json!({"metadata": metadata, "spec": {"taints": wanted}}));
        }
    }
    plan
}

/// The node with the conditions it deserves; a change is put into the plan.
fn judged(plan: &mut Plan, observed: &Observed) -> Node {
    let Observed { node, now, config, .. } = observed;
    let was_heard = health::condition(node, "Ready").is_some();
    let grace = if was_heard { config.node_monitor_grace_period } else { config.node_startup_grace_period };
    let silence = Duration::try_from(now.duration_since(observed.last_heard)).unwrap_or_default();
    if silence < grace {
        plan.requeue_after(grace - silence);
        return Node::clone(node);
    }
    let Some(status) = health::silent(node, *now) else { return Node::clone(node) };
    let judged = Node { status: Some(status), ..Node::clone(node) };
    plan.update_status(*node, &judged);
    if health::status(node, "Ready") == Some("True") {
        let message = format!("Node {} status is now: NodeNotReady", node.name());
        plan.normal(Regarding::of(*node), "NodeNotReady", message);
    }
    judged
}

/// The taint that evicts, once the zone gives leave; one that is there already stays.
fn evicting(plan: &mut Plan, observed: &mut Observed, node: &Node) -> Option<&'static str> {
    let key = taints::evicting(node)?;
    if taints::has_evicting(node, key) {
        return Some(key);
    }
    if taints::has_evicting(node, taints::NOT_READY) || taints::has_evicting(node, taints::UNREACHABLE) {
        // Already evicted for the other reason: the taint is only swapped.
        return Some(key);
    }
    if !plan.is_empty() {
        return None;
    }
    let mut wait = None;
    let leave = (observed.may_evict)(&mut wait);
    if let Some(wait) = wait {
        plan.requeue_after(wait);
    }
    leave.then_some(key)
}

/// A Pod nobody hears of serves nobody.
fn mark_not_ready(plan: &mut Plan, pod: &Pod, now: Timestamp) {
    let Some(ready) = pods::condition(pod, "Ready").filter(|ready| ready.status == "True") else { return };
    let ready = PodCondition { status: "False".to_owned(), last_transition_time: Some(time(now)), ..ready.clone() };
    plan.patch_sub(pod, "status", pods::status_patch(pod, vec![ready], None));
    plan.warning(Regarding::of(pod), "NodeNotReady", "Node is not ready");
}

//! What controllers ask of Pods: are they active, ready, available; and in which order to give them up.

use std::cmp::{Ordering, Reverse};
use std::sync::Arc;
use std::time::Duration;

use client::Object;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodCondition};
use serde_json::{Value, json};

use crate::numbers::{remaining, time};

pub const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

pub fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

pub fn node_name(pod: &Pod) -> &str {
    pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or_default()
}

/// Succeeded or Failed: nothing of it runs any more.
pub fn is_terminal(pod: &Pod) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

/// Neither ended nor being deleted.
pub fn is_active(pod: &Pod) -> bool {
    !is_terminal(pod) && !pod.is_deleting()
}

/// Being deleted, not ended yet.
pub fn is_terminating(pod: &Pod) -> bool {
    !is_terminal(pod) && pod.is_deleting()
}

pub fn condition<'a>(pod: &'a Pod, condition_type: &str) -> Option<&'a PodCondition> {
    pod.status.as_ref()?.conditions.as_ref()?.iter().find(|condition| condition.type_ == condition_type)
}

pub fn is_ready(pod: &Pod) -> bool {
    condition(pod, "Ready").is_some_and(|ready| ready.status == "True")
}

/// Since when the Pod is ready.
pub fn ready_since(pod: &Pod) -> Option<Timestamp> {
    condition(pod, "Ready").filter(|ready| ready.status == "True")?.last_transition_time.as_ref().map(|time| time.0)
}

/// Ready for at least `min_ready_seconds`.
pub fn is_available(pod: &Pod, min_ready_seconds: i32, now: Timestamp) -> bool {
    is_ready(pod) && until_available(pod, min_ready_seconds, now).is_some_and(|wait| wait.is_zero())
}

/// How long a ready Pod still has to stay ready to count as available.
pub fn until_available(pod: &Pod, min_ready_seconds: i32, now: Timestamp) -> Option<Duration> {
    if !is_ready(pod) {
        return None;
    }
    if min_ready_seconds == 0 {
        return Some(Duration::ZERO);
    }
    ready_since(pod).map(|since| remaining(since, i64::from(min_ready_seconds), now))
}

fn deletion_cost(pod: &Pod) -> i32 {
    pod.annotation(DELETION_COST).and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn max_restarts(pod: &Pod) -> i32 {
    let Some(status) = &pod.status else { return 0 };
    let all = status.container_statuses.iter().flatten();
    all.map(|container: &ContainerStatus| container.restart_count).max().unwrap_or(0)
}

fn created(pod: &Pod) -> Option<Timestamp> {
    pod.metadata.creation_timestamp.as_ref().map(|time| time.0)
}

/// Sorts Pods into the order in which they are given up: the first is missed least. `rank` says how many of its kin share
/// the Pod's node.
pub fn sort_for_deletion(pods: &mut [(Arc<Pod>, usize)], now: Timestamp) {
    pods.sort_by(|(a, rank_a), (b, rank_b)| compare(a, b, (*rank_a, *rank_b), now));
}

fn compare(a: &Pod, b: &Pod, ranks: (usize, usize), now: Timestamp) -> Ordering {
    let is_assigned = |pod: &Pod| !node_name(pod).is_empty();
    is_assigned(a)
        .cmp(&is_assigned(b))
        .then_with(|| phase_order(a).cmp(&phase_order(b)))
        .then_with(|| is_ready(a).cmp(&is_ready(b)))
        .then_with(|| deletion_cost(a).cmp(&deletion_cost(b)))
        .then_with(|| ranks.1.cmp(&ranks.0))
        .then_with(|| younger_first(a, b, (ready_since(a), ready_since(b)), now))
        .then_with(|| Reverse(max_restarts(a)).cmp(&Reverse(max_restarts(b))))
        .then_with(|| younger_first(a, b, (created(a), created(b)), now))
        .then_with(|| a.name().cmp(b.name()))
}

fn phase_order(pod: &Pod) -> u8 {
    match phase(pod) {
        "Running" => 2,
        "Unknown" => 1,
        _ => 0,
    }
}

/// Younger Pods first, but ages within one power of two count as equal, and the uid decides: so the same Pods need not
/// always be the victims.
fn younger_first(a: &Pod, b: &Pod, times: (Option<Timestamp>, Option<Timestamp>), now: Timestamp) -> Ordering {
    match times {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
        (Some(time_a), Some(time_b)) if time_a == time_b => Ordering::Equal,
        (Some(time_a), Some(time_b)) => {
            age_class(time_a, now).cmp(&age_class(time_b, now)).then_with(|| a.uid().cmp(b.uid()))
        }
    }
}

fn age_class(time: Timestamp, now: Timestamp) -> i64 {
    let age = now.duration_since(time).as_nanos();
    u128::try_from(age).ok().and_then(u128::checked_ilog2).map_or(-1, i64::from)
}

/// The index of Pods by the node they are on.
pub const BY_NODE: &str = "node";

/// The values of a Pod in [`BY_NODE`].
pub fn by_node(pod: &Pod) -> Vec<String> {
    Some(node_name(pod).to_owned()).filter(|name| !name.is_empty()).into_iter().collect()
}

/// A merge patch of exactly the Pod and revision observed that sets conditions (and, if given, the phase).
pub fn status_patch(pod: &Pod, conditions: Vec<PodCondition>, phase: Option<&str>) -> Value {
    let mut all = pod.status.as_ref().and_then(|status| status.conditions.clone()).unwrap_or_default();
    for condition in conditions {
        match all.iter_mut().find(|own| own.type_ == condition.type_) {
            Some(own) => *own = condition,
            None => all.push(condition),
        }
    }
    let mut status = json!({"conditions": all});
    if let Some(phase) = phase {
        status["phase"] = json!(phase);
    }
    let meta = &pod.metadata;
    json!({"metadata": {"uid": meta.uid, "resourceVersion": meta.resource_version}, "status": status})
}

/// The condition of a Pod that is ended for a reason outside it.
pub fn disrupted(pod: &Pod, reason: &str, message: &str, now: Timestamp) -> PodCondition {
    PodCondition {
        type_: "DisruptionTarget".to_owned(),
        status: "True".to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        last_transition_time: Some(time(now)),
        observed_generation: pod.metadata.generation,
        last_probe_time: None,
    }
}

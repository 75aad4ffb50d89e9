//! The taints that follow from a node's conditions: NoSchedule at once, NoExecute only with leave of the zone.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Taint};

use super::health;
use crate::numbers::time;
use crate::placement;

pub const NOT_READY: &str = "node.kubernetes.io/not-ready";
pub const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

/// Condition, status, taint.
const BY_CONDITION: [(&str, &str, &str); 6] = [
    ("Ready", "False", NOT_READY),
    ("Ready", "Unknown", UNREACHABLE),
    ("MemoryPressure", "True", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "True", "node.kubernetes.io/disk-pressure"),
    ("NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"),
    ("PIDPressure", "True", "node.kubernetes.io/pid-pressure"),
];

const NO_SCHEDULE: &str = "NoSchedule";
const NO_EXECUTE: &str = "NoExecute";

/// The taints that keep new Pods away.
fn against_scheduling(node: &Node) -> Vec<&'static str> {
    let holds = |(condition, status, _): &&(&str, &str, &str)| health::status(node, condition) == Some(*status);
    let mut keys: Vec<&str> = BY_CONDITION.iter().filter(holds).map(|(_, _, key)| *key).collect();
    if node.spec.as_ref().is_some_and(|spec| spec.unschedulable == Some(true)) {
        keys.push(UNSCHEDULABLE);
    }
    keys
}

/// The taint that evicts Pods; None for a node that is ready.
pub fn evicting(node: &Node) -> Option<&'static str> {
    match health::status(node, "Ready") {
        Some("False") => Some(NOT_READY),
        Some("Unknown") => Some(UNREACHABLE),
        _ => None,
    }
}

pub fn has_evicting(node: &Node, key: &str) -> bool {
    placement::taints(node).iter().any(|taint| taint.key == key && taint.effect == NO_EXECUTE)
}

/// The node's taints as they should be: those of others stay, ours follow the conditions. `evict` is the taint that evicts.
pub fn wanted(node: &Node, evict: Option<&str>, now: Timestamp) -> Vec<Taint> {
    let against_scheduling = against_scheduling(node);
    let is_ours = |taint: &Taint| match &*taint.effect {
        NO_SCHEDULE => taint.key == UNSCHEDULABLE || BY_CONDITION.iter().any(|(_, _, key)| *key == taint.key),
        NO_EXECUTE => taint.key == NOT_READY || taint.key == UNREACHABLE,
        _ => false,
    };
    let is_wanted = |taint: &Taint| match &*taint.effect {
        NO_SCHEDULE => against_scheduling.contains(&taint.key.as_str()),
        _ => evict == Some(&taint.key),
    };
    let mut taints: Vec<Taint> = placement::taints(node).to_vec();
    taints.retain(|taint| !is_ours(taint) || is_wanted(taint));
    let wanted = against_scheduling.iter().map(|key| (*key, NO_SCHEDULE)).chain(evict.map(|key| (key, NO_EXECUTE)));
    for (key, effect) in wanted {
        if !taints.iter().any(|taint| taint.key == key && taint.effect == effect) {
            let time_added = Some(time(now));
            taints.push(Taint { key: key.to_owned(), effect: effect.to_owned(), time_added, value: None });
        }
    }
    taints
}

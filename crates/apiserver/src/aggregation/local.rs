//! The APIServices of what this server serves itself: made at the start, as upstream's autoregister controller does. Pure.

use serde_json::{Value, json};

use crate::kinds::Kinds;
use crate::objects::timestamp;

/// `onstart`: made and taken away at starts only.
pub(super) const MANAGED: &str = "kube-aggregator.kubernetes.io/automanaged";
pub(super) const ON_START: &str = "onstart";

/// Upstream's priorities of its groups.
const GROUPS: [(&str, i64); 21] = [
    ("", 18000),
    ("apps", 17800),
    ("events.k8s.io", 17750),
    ("authentication.k8s.io", 17700),
    ("authorization.k8s.io", 17600),
    ("autoscaling", 17500),
    ("batch", 17400),
    ("certificates.k8s.io", 17300),
    ("networking.k8s.io", 17200),
    ("policy", 17100),
    ("rbac.authorization.k8s.io", 17000),
    ("storage.k8s.io", 16800),
    ("apiextensions.k8s.io", 16700),
    ("admissionregistration.k8s.io", 16700),
    ("scheduling.k8s.io", 16600),
    ("coordination.k8s.io", 16500),
    ("node.k8s.io", 16300),
    ("discovery.k8s.io", 16200),
    ("flowcontrol.apiserver.k8s.io", 16100),
    ("internal.apiserver.k8s.io", 16000),
    ("resource.k8s.io", 15900),
];
const OTHER_GROUP: i64 = 1000;

fn version_priority(group: &str, version: &str) -> i64 {
    match (group, version) {
        ("", "v1") => 1,
        ("autoscaling", "v2") => 30,
        ("flowcontrol.apiserver.k8s.io", "v1") => 21,
        (_, version) if version.contains("alpha") => 1,
        (_, version) if version.contains("beta") => 9,
        _ => 15,
    }
}

/// One APIService per group and version; the aggregator's own group has none.
pub(super) fn services(kinds: &Kinds, now: jiff::Timestamp) -> Vec<Value> {
    let versions = kinds.versions().into_iter().filter(|(group, _)| *group != "apiregistration.k8s.io");
    versions.map(|(group, version)| service(group, version, now)).collect()
}

fn service(group: &str, version: &str, now: jiff::Timestamp) -> Value {
    let priority = GROUPS.iter().find(|(name, _)| *name == group).map_or(OTHER_GROUP, |(_, priority)| *priority);
    let condition = json!({
        "type": "Available", "status": "True", "reason": "Local", "message": "Local APIServices are always available",
        "lastTransitionTime": timestamp(now),
    });
    let mut spec = json!({
        "version": version, "groupPriorityMinimum": priority, "versionPriority": version_priority(group, version),
    });
    if !group.is_empty() {
        spec["group"] = group.into();
    }
    json!({
        "kind": "APIService", "apiVersion": "apiregistration.k8s.io/v1",
        "metadata": {"name": format!("{version}.{group}"), "labels": {MANAGED: ON_START}},
        "spec": spec, "status": {"conditions": [condition]},
    })
}

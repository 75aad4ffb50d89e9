//! The APIServices of what this server serves itself: built-in groups and those of definitions, as upstream's autoregister and
//! crdregistration controllers want them. Pure.

use serde_json::{Value, json};

use super::condition::Availability;
use crate::kinds::Kinds;
use crate::objects::timestamp;

/// Whoever has this label is kept as it should be.
pub(super) const MANAGED: &str = "kube-aggregator.kubernetes.io/automanaged";
/// Once, when the server starts.
pub(super) const ON_START: &str = "onstart";
/// All the time.
pub(super) const ALWAYS: &str = "true";

/// Upstream's priorities of its groups.
const GROUPS: [(&str, i64); 22] = [
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
    ("storagemigration.k8s.io", 15800),
];
/// Priorities of group and version of custom resources: below all of ours, and sorted by their names.
const CUSTOM: (i64, i64) = (1000, 100);

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

/// One APIService per built-in group and version; the aggregator's own group has none.
pub(super) fn built_in(kinds: &Kinds, now: jiff::Timestamp) -> Vec<Value> {
    let mut versions: Vec<(&str, &str)> = Vec::new();
    for kind in kinds.all().iter().filter(|kind| !kind.hooks.custom && kind.group != "apiregistration.k8s.io") {
        if !versions.contains(&(kind.group, kind.version)) {
            versions.push((kind.group, kind.version));
        }
    }
    let priority = |group: &str| GROUPS.iter().find(|(name, _)| *name == group).map_or(CUSTOM.0, |(_, first)| *first);
    let service = |(group, version)| {
        service((group, version), (priority(group), version_priority(group, version)), ON_START, now)
    };
    versions.into_iter().map(service).collect()
}

/// The APIService of a group and version of custom resources.
pub(super) fn custom(group: &str, version: &str, now: jiff::Timestamp) -> Value {
    service((group, version), CUSTOM, ALWAYS, now)
}

fn service(
    (group, version): (&str, &str),
    (group_priority, priority): (i64, i64),
    managed: &str,
    now: jiff::Timestamp,
) -> Value {
    let mut spec = json!({"version": version, "groupPriorityMinimum": group_priority, "versionPriority": priority});
    if !group.is_empty() {
        spec["group"] = group.into();
    }
    let service = json!({
        "kind": "APIService", "apiVersion": "apiregistration.k8s.io/v1",
        "metadata": {"name": format!("{version}.{group}"), "labels": {MANAGED: managed}}, "spec": spec,
    });
    Availability::local().noted(&service, &timestamp(now)).unwrap_or(service)
}

/// What is to be done about one APIService.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Create,
    Update,
    Delete,
}

/// The table of upstream's autoregister controller (checkAPIService). `at_start`: it was there when the server started; `synced`: it was
/// looked at since then.
pub(super) fn step(wanted: Option<&Value>, current: Option<&Value>, at_start: bool, synced: bool) -> Option<Step> {
    let managed = |service: &Value| service["metadata"]["labels"][MANAGED].as_str().unwrap_or_default().to_owned();
    if synced && wanted.is_some_and(|wanted| managed(wanted) == ON_START) {
        return None;
    }
    let Some(current) = current else { return wanted.map(|_| Step::Create) };
    match managed(current).as_str() {
        ALWAYS => {}
        ON_START if at_start && !synced => {}
        _ => return None,
    }
    match wanted {
        None => Some(Step::Delete),
        Some(wanted) => (wanted["spec"] != current["spec"]).then_some(Step::Update),
    }
}

//! What the server sets or keeps when Pods are written (pkg/registry/core/pod/strategy.go).

use serde_json::{Map, Value, json};

use super::{qos, status};
use crate::core::v1::resources;
use crate::kind::WriteContext;
use crate::meta;
use crate::quantity::Quantity;
use crate::tree::{at, at_mut, flag, items, items_mut, keep, len, map_mut, remove, set, text};

pub(super) fn create(pod: &mut Value, context: &WriteContext) {
    set(pod, "status", json!({"phase": "Pending"}));
    if len(at(pod, "spec.schedulingGates")) > 0 {
        let gated = json!([{
            "type": "PodScheduled",
            "status": "False",
            "lastTransitionTime": context.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "reason": "SchedulingGated",
            "message": "Scheduling is blocked due to non-empty scheduling gates",
        }]);
        set(&mut pod["status"], "conditions", gated);
    }
    label_keys(pod);
    app_armor(pod);
    if let Some(spec) = at_mut(pod, "spec") {
        pod_level_resources(spec);
    }
    let class = qos::class(at(pod, "spec"));
    set(&mut pod["status"], "qosClass", class);
}

pub(super) fn update(new: &mut Value, old: &Value, _: &WriteContext) {
    keep_pod_resources(new, old);
}

/// A client that knows nothing of a Pod's own resources keeps them.
fn keep_pod_resources(new: &mut Value, old: &Value) {
    if let Some(spec) = at_mut(new, "spec")
        && spec.get("resources").is_none()
    {
        keep(spec, at(old, "spec"), "resources");
    }
}

pub(super) fn subresource(new: &mut Value, old: &Value, context: &WriteContext) {
    match context.subresource {
        "ephemeralcontainers" => ephemeral_containers(new, old),
        "resize" => resize(new, old),
        "status" => status::keep(new, old),
        _ => {}
    }
}

/// Everything as it was but the resourceVersion the client has seen, and who owns what.
fn only(new: &mut Value, old: &Value) {
    let seen = meta::resource_version(new).to_owned();
    let managers = at(new, "metadata.managedFields").clone();
    *new = old.clone();
    if !seen.is_empty() {
        meta::set_resource_version(new, &seen);
    }
    if managers.is_null() {
        meta::remove(new, "managedFields");
    } else {
        map_mut(new, "metadata").insert("managedFields".into(), managers);
    }
}

fn ephemeral_containers(new: &mut Value, old: &Value) {
    let containers = at_mut(new, "spec").and_then(|spec| remove(spec, "ephemeralContainers"));
    only(new, old);
    let spec = map_mut(new, "spec");
    match containers {
        Some(containers) => spec.insert("ephemeralContainers".into(), containers),
        None => spec.remove("ephemeralContainers"),
    };
}

/// Resources and resize policies change, nothing else; other containers than before are left for validation to refuse.
fn resize(new: &mut Value, old: &Value) {
    let names = |pod: &Value, list: &str| -> Vec<String> {
        items(at(pod, "spec"), list).iter().map(|container| text(container, "name").to_owned()).collect()
    };
    let lists = ["containers", "initContainers"];
    if lists.iter().any(|list| names(new, list) != names(old, list)) {
        return;
    }
    let wanted = new.clone();
    only(new, old);
    for list in lists {
        let changed = items(at(&wanted, "spec"), list).to_vec();
        let Some(spec) = at_mut(new, "spec") else { return };
        for (container, wanted) in items_mut(spec, list).zip(&changed) {
            keep(container, wanted, "resources");
            keep(container, wanted, "resizePolicy");
        }
    }
    if let Some(spec) = at_mut(new, "spec") {
        keep(spec, at(&wanted, "spec"), "resources");
    }
    keep_pod_resources(new, old);
    if let Some(spec) = at_mut(new, "spec") {
        pod_level_resources(spec);
    }
}

/// matchLabelKeys and mismatchLabelKeys become expressions over this Pod's labels.
fn label_keys(pod: &mut Value) {
    let labels = meta::labels(pod).cloned().unwrap_or_default();
    let Some(spec) = at_mut(pod, "spec") else { return };
    for kind in ["podAffinity", "podAntiAffinity"] {
        let Some(affinity) = at_mut(spec, "affinity").and_then(|affinity| at_mut(affinity, kind)) else { continue };
        for term in items_mut(affinity, "requiredDuringSchedulingIgnoredDuringExecution") {
            merge_label_keys(term, &labels);
        }
        for weighted in items_mut(affinity, "preferredDuringSchedulingIgnoredDuringExecution") {
            if let Some(term) = at_mut(weighted, "podAffinityTerm") {
                merge_label_keys(term, &labels);
            }
        }
    }
    items_mut(spec, "topologySpreadConstraints").for_each(|constraint| merge_label_keys(constraint, &labels));
}

fn merge_label_keys(term: &mut Value, labels: &Map<String, Value>) {
    let mut expressions = Vec::new();
    for (field, operator) in [("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn")] {
        let keys = items(term, field).iter().filter_map(Value::as_str);
        let known = keys.filter_map(|key| Some((key, labels.get(key)?)));
        expressions.extend(known.map(|(key, value)| json!({"key": key, "operator": operator, "values": [value]})));
    }
    let Some(selector) = at_mut(term, "labelSelector") else { return };
    if !expressions.is_empty() {
        let mut list = items(selector, "matchExpressions").to_vec();
        list.append(&mut expressions);
        set(selector, "matchExpressions", list);
    }
}

/// The old AppArmor annotation of a container becomes its field.
fn app_armor(pod: &mut Value) {
    const PREFIX: &str = "container.apparmor.security.beta.kubernetes.io/";
    let Some(annotations) = meta::annotations(pod) else { return };
    let profiles: Vec<(String, Value)> = annotations
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix(PREFIX)?.to_owned(), app_armor_profile(value.as_str()?)?)))
        .collect();
    if profiles.is_empty() || text(pod, "spec.os.name") == "windows" {
        return;
    }
    let of_pod = at(pod, "spec.securityContext.appArmorProfile").clone();
    let Some(spec) = at_mut(pod, "spec") else { return };
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        for container in items_mut(spec, list) {
            let name = text(container, "name");
            let Some((_, profile)) = profiles.iter().find(|(own, _)| own == name) else { continue };
            if at(container, "securityContext.appArmorProfile").is_null() && *profile != of_pod {
                map_mut(container, "securityContext").insert("appArmorProfile".into(), profile.clone());
            }
        }
    }
}

fn app_armor_profile(annotation: &str) -> Option<Value> {
    match annotation {
        "unconfined" => Some(json!({"type": "Unconfined"})),
        "runtime/default" => Some(json!({"type": "RuntimeDefault"})),
        _ => {
            let name = annotation.strip_prefix("localhost/")?;
            (!name.is_empty()).then(|| json!({"type": "Localhost", "localhostProfile": name}))
        }
    }
}

/// Completes resources that stand on the Pod itself from those of its containers.
fn pod_level_resources(spec: &mut Value) {
    if len(at(spec, "resources.requests")) + len(at(spec, "resources.limits")) == 0 {
        return;
    }
    let container_limits = resources::of_containers(spec, "limits");
    let container_requests = resources::of_containers(spec, "requests");
    for (name, limit) in &container_limits {
        if name.starts_with("hugepages-") && at(spec, "resources.requests").get(name).is_none() {
            fill(spec, "limits", name, limit);
        }
    }
    for (name, request) in &container_requests {
        if resources::pod_level(name) && !name.starts_with("hugepages-") {
            fill(spec, "requests", name, request);
        }
    }
    for (name, limit) in resources::read(spec, "resources.limits") {
        if resources::pod_level(&name) {
            fill(spec, "requests", &name, &limit);
        }
    }
    for (name, request) in resources::read(spec, "resources.requests") {
        if let Some(limit) = container_limits.get(&name)
            && resources::pod_level(&name)
            && all_limited(spec, &name)
        {
            fill(spec, "limits", &name, &request.max(*limit));
        }
    }
}

fn all_limited(spec: &Value, name: &str) -> bool {
    let containers = items(spec, "containers").iter().chain(items(spec, "initContainers"));
    containers.into_iter().all(|container| at(container, "resources.limits").get(name).is_some())
}

fn fill(spec: &mut Value, which: &str, name: &str, amount: &Quantity) {
    map_mut(spec, "resources").entry(which).or_insert_with(|| json!({}));
    let list = map_mut(spec, &format!("resources.{which}"));
    list.entry(name).or_insert_with(|| amount.to_string().into());
}

/// Seconds a deleted Pod may take: none before it runs anywhere or after it has ended.
pub(super) fn grace_seconds(pod: &Value) -> Option<i64> {
    let ended = matches!(text(pod, "status.phase"), "Failed" | "Succeeded");
    if text(pod, "spec.nodeName").is_empty() || ended {
        return Some(0);
    }
    let seconds = at(pod, "spec.terminationGracePeriodSeconds").as_i64().unwrap_or(0);
    Some(if seconds < 0 { 1 } else { seconds })
}

/// Fields for field selectors.
pub(super) fn selectable_fields(pod: &Value) -> Vec<(&'static str, String)> {
    let of = |path: &str| text(pod, path).to_owned();
    let first_ip = items(pod, "status.podIPs").first().map(|ip| text(ip, "ip")).unwrap_or_default();
    vec![
        ("spec.nodeName", of("spec.nodeName")),
        ("spec.restartPolicy", of("spec.restartPolicy")),
        ("spec.schedulerName", of("spec.schedulerName")),
        ("spec.serviceAccountName", of("spec.serviceAccountName")),
        ("spec.hostNetwork", flag(pod, "spec.hostNetwork").to_string()),
        ("status.phase", of("status.phase")),
        ("status.podIP", first_ip.to_owned()),
        ("status.podIPs", first_ip.to_owned()),
        ("status.nominatedNodeName", of("status.nominatedNodeName")),
    ]
}

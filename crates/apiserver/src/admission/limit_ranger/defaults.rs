//! Requests and limits that a LimitRange gives to containers without. Pure.

use serde_json::Value;

/// Fills in containers, and notes in an annotation what was filled in.
pub(super) fn apply(range: &Value, pod: &mut Value) {
    let limits = range["spec"]["limits"].as_array().into_iter().flatten();
    let (mut requests, mut caps) = (serde_json::Map::new(), serde_json::Map::new());
    for limit in limits.filter(|limit| limit["type"] == "Container") {
        for (into, field) in [(&mut requests, "defaultRequest"), (&mut caps, "default")] {
            into.extend(limit[field].as_object().cloned().unwrap_or_default());
        }
    }
    let mut notes = Vec::new();
    for (kind, word) in [("containers", "container"), ("initContainers", "init container")] {
        for container in pod["spec"].get_mut(kind).and_then(Value::as_array_mut).into_iter().flatten() {
            let name = container["name"].as_str().unwrap_or_default().to_owned();
            let requested = fill(container, "requests", &requests);
            let limited = fill(container, "limits", &caps);
            for (set, what) in [(requested, "request"), (limited, "limit")] {
                if !set.is_empty() {
                    notes.push(format!("{} {what} for {word} {name}", set.join(", ")));
                }
            }
        }
    }
    if !notes.is_empty() {
        pod["metadata"]["annotations"]["kubernetes.io/limit-ranger"] =
            format!("LimitRanger plugin set: {}", notes.join("; ")).into();
    }
}

fn fill(container: &mut Value, field: &str, defaults: &serde_json::Map<String, Value>) -> Vec<String> {
    let mut set = Vec::new();
    for (name, amount) in defaults {
        if container["resources"][field].get(name).is_none() {
            container["resources"][field][name.as_str()] = amount.clone();
            set.push(name.clone());
        }
    }
    set
}

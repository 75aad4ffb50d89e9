//! What of a running Pod may be resized (ValidatePodResize of pkg/apis/core/validation): cpu and memory of containers and sidecars, within
//! the Pod's class of service.

use serde_json::Value;

use crate::core::v1::pod::qos;
use crate::field::Field;
use crate::tree::{at, items, remove, text};

const MIRROR: &str = "kubernetes.io/config.mirror";

pub(super) fn resize(pod: &Field, old: &Value) {
    if at(old, "metadata.annotations").get(MIRROR).is_some() {
        return pod.forbidden("static pods cannot be resized");
    }
    if text(old, "spec.os.name") == "windows" {
        return pod.forbidden("windows pods cannot be resized");
    }
    let (spec, old_spec) = (pod.get("spec"), at(old, "spec"));
    let class = qos::class(spec.value);
    if class != qos::class(old_spec) {
        spec.invalid_value(&class.into(), "Pod QOS Class may not change as a result of resizing");
    }
    if !node_resizes(old) {
        spec.forbidden("Pod running on node without support for resize");
    }
    let before = pod.reported();
    for list in ["containers", "initContainers"] {
        in_order(&spec.get(list), items(old_spec, list), list);
    }
    if pod.reported() > before {
        return;
    }
    for (new, old) in spec.get("initContainers").items().zip(items(old_spec, "initContainers")) {
        if text(old, "restartPolicy") == "Always" {
            kept(&new, old);
        }
    }
    for (new, old) in spec.get("containers").items().zip(items(old_spec, "containers")) {
        kept(&new, old);
    }
    for (new, old) in spec.get("containers").items().zip(items(old_spec, "containers")) {
        if rest(new.value) != rest(old) {
            spec.forbidden("only cpu and memory resources are mutable");
        }
    }
    for (new, old) in spec.get("initContainers").items().zip(items(old_spec, "initContainers")) {
        if text(old, "restartPolicy") != "Always" {
            if new.value != old {
                spec.forbidden("resources for non-sidecar init containers are immutable");
            }
        } else if rest(new.value) != rest(old) {
            spec.forbidden("only cpu and memory resources for sidecar containers are mutable");
        }
    }
}

/// A kubelet that can resize says what running containers have. Before one runs, nobody knows.
fn node_resizes(pod: &Value) -> bool {
    let running = |status: &&Value| !at(status, "state.running").is_null();
    items(pod, "status.containerStatuses").iter().find(running).is_none_or(|status| !at(status, "resources").is_null())
}

fn in_order(containers: &Field, old: &[Value], list: &str) {
    if containers.len() != old.len() {
        return containers.forbidden(&format!("{list} may not be added or removed on resize"));
    }
    for (container, old) in containers.items().zip(old) {
        if text(container.value, "name") != text(old, "name") {
            container.get("name").forbidden(&format!("{list} may not be renamed or reordered on resize"));
        }
    }
}

/// No request and no limit goes.
fn kept(container: &Field, old: &Value) {
    let resources = container.get("resources");
    for (which, what) in [("requests", "resource requests"), ("limits", "resource limits")] {
        let (new, old) = (resources.get(which), at(old, "resources").get(which).and_then(Value::as_object));
        let there = |name: &String| new.value.get(name).is_some();
        if old.is_some_and(|old| !old.keys().all(there)) {
            new.forbidden(&format!("{what} cannot be removed"));
        }
    }
}

/// A container but for its cpu and memory.
fn rest(container: &Value) -> Value {
    let mut rest = container.clone();
    let Some(resources) = rest.get_mut("resources") else { return rest };
    for which in ["requests", "limits"] {
        let Some(list) = resources.get_mut(which) else { continue };
        remove(list, "cpu");
        remove(list, "memory");
        if crate::tree::len(list) == 0 {
            remove(resources, which);
        }
    }
    if crate::tree::len(resources) == 0 {
        remove(&mut rest, "resources");
    }
    rest
}

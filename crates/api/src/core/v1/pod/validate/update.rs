//! What of a Pod may change once it is there.

use serde_json::{Value, json};

use crate::field::{self, Field};
use crate::field_error::FieldError;
use crate::kind::WriteContext;
use crate::tree::{at, at_mut, int, items, items_mut, keep, len, text};

const UPDATABLE: &str = "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,\
`spec.tolerations` (only additions to existing tolerations),\
`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

pub(in crate::core::v1::pod) fn update(new: &Value, old: &Value, context: &WriteContext) -> Vec<FieldError> {
    field::validate(new, |pod| match context.subresource {
        "" => whole(pod, old),
        "ephemeralcontainers" => ephemeral_containers(pod, old),
        "resize" => super::resize::resize(pod, old),
        _ => {}
    })
}

fn whole(pod: &Field, old: &Value) {
    let spec = pod.get("spec");
    for list in ["containers", "initContainers"] {
        let containers = spec.get(list);
        if containers.len() != items(at(old, "spec"), list).len() {
            return containers.forbidden("pod updates may not add or remove containers");
        }
        for image in containers.items() {
            let image = image.get("image");
            if image.text().trim() != image.text() {
                image.invalid("must not have leading or trailing whitespace");
            }
        }
    }
    if !deadline(&spec, old) {
        return;
    }
    added_tolerations(&spec.get("tolerations"), items(old, "spec.tolerations"));
    deleted_gates(&spec.get("schedulingGates"), items(old, "spec.schedulingGates"));
    let mut rest = spec.value.clone();
    settle(&mut rest, at(old, "spec"));
    if rest != *at(old, "spec") {
        let changes = changes(&rest, at(old, "spec"));
        spec.forbidden(&format!("pod updates may not change fields other than {UPDATABLE}\n{changes}"));
    }
}

/// From nothing to something, or down. Says whether checking goes on.
fn deadline(spec: &Field, old: &Value) -> bool {
    let deadline = spec.get("activeDeadlineSeconds");
    match (deadline.int(), int(old, "spec.activeDeadlineSeconds")) {
        (Some(new), _) if !(0..=i64::from(i32::MAX)).contains(&new) => {
            deadline.invalid(&crate::names::range_error(0, i32::MAX.into()));
            false
        }
        (Some(new), Some(old)) if old < new => {
            deadline.invalid("must be less than or equal to previous value");
            false
        }
        (None, Some(_)) => {
            deadline.invalid_value(&Value::Null, "must not update from a positive integer to nil value");
            true
        }
        _ => true,
    }
}

fn added_tolerations(new: &Field, old: &[Value]) {
    let timeless = |toleration: &Value| {
        let mut toleration = toleration.clone();
        crate::tree::remove(&mut toleration, "tolerationSeconds");
        toleration
    };
    let kept = |old: &Value| new.items().any(|new| timeless(new.value) == timeless(old));
    if !old.iter().all(kept) {
        return new.forbidden("existing toleration can not be modified except its tolerationSeconds");
    }
    super::scheduling::tolerations(new);
}

fn deleted_gates(new: &Field, old: &[Value]) {
    for gate in new.items() {
        let name = gate.get("name");
        if !old.iter().any(|old| text(old, "name") == name.text()) {
            name.forbidden(&format!("only deletion is allowed, but found new scheduling gate '{}'", name.text()));
        }
    }
}

/// Undoes in `spec` what may change.
fn settle(spec: &mut Value, old: &Value) {
    for list in ["containers", "initContainers"] {
        for (container, old) in items_mut(spec, list).zip(items(old, list)) {
            keep(container, old, "image");
        }
    }
    for field in ["activeDeadlineSeconds", "schedulingGates", "tolerations"] {
        keep(spec, old, field);
    }
    let negative = int(old, "terminationGracePeriodSeconds").is_some_and(|seconds| seconds < 0);
    if negative && int(spec, "terminationGracePeriodSeconds") == Some(1) {
        keep(spec, old, "terminationGracePeriodSeconds");
    }
    if len(at(old, "schedulingGates")) > 0 {
        gated(spec, old);
    }
}

/// A Pod that is held back may be narrowed to fewer nodes.
fn gated(spec: &mut Value, old: &Value) {
    let kept = |(key, value): (&String, &Value)| at(spec, "nodeSelector").get(key) == Some(value);
    if crate::tree::entries(old, "nodeSelector").all(kept) {
        keep(spec, old, "nodeSelector");
    }
    if at(old, "affinity.nodeAffinity").is_null() {
        if let Some(affinity) = at_mut(spec, "affinity") {
            crate::tree::remove(affinity, "nodeAffinity");
        }
        if len(at(spec, "affinity")) == 0 {
            keep(spec, old, "affinity");
        }
    }
}

/// The fields that differ, one a line.
fn changes(new: &Value, old: &Value) -> String {
    let fields = new.as_object().into_iter().chain(old.as_object()).flat_map(|map| map.keys());
    let mut names: Vec<&String> = fields.filter(|field| new.get(*field) != old.get(*field)).collect();
    names.sort_unstable();
    names.dedup();
    let line = |field: &&String| {
        let side = |tree: &Value| tree.get(*field).cloned().unwrap_or(json!(null));
        format!("- {field}: {}\n+ {field}: {}", side(old), side(new))
    };
    names.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Ephemeral containers come, and neither go nor change.
fn ephemeral_containers(pod: &Field, old: &Value) {
    let spec = pod.get("spec");
    let list = spec.get("ephemeralContainers");
    for old in items(old, "spec.ephemeralContainers") {
        match list.items().find(|new| text(new.value, "name") == text(old, "name")) {
            None => {
                let why = format!("existing ephemeral containers {:?} may not be removed\n", text(old, "name"));
                list.forbidden(&why);
            }
            Some(new) if new.value != old => {
                let why = format!("existing ephemeral containers {:?} may not be changed\n", text(old, "name"));
                list.forbidden(&why);
            }
            Some(_) => {}
        }
    }
}

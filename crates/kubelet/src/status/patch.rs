//! The strategic merge patch that turns one reported status into the next; nothing when they are equal.

use k8s_openapi::api::core::v1::PodStatus;
use serde_json::{Map, Value, json};

use super::conditions::OWNED;

/// The fields of a status, in which a transition time alone is no change.
fn tree(status: &PodStatus) -> Map<String, Value> {
    match serde_json::to_value(status) {
        Ok(Value::Object(fields)) => fields,
        // A status is a struct of named fields; nothing in it can fail to be written.
        _ => Map::new(),
    }
}

/// `{"metadata": {"uid"}, "status": {changed fields}}`, or None when nothing changed.
pub fn status_patch(uid: &str, old: &PodStatus, new: &PodStatus) -> Option<Value> {
    let (old, new) = (tree(old), tree(new));
    let mut changed = Map::new();
    for (field, value) in &new {
        match old.get(field) {
            Some(before) if before == value => {}
            before => {
                let value = change(field, before, value);
                if value.as_array().is_none_or(|list| !list.is_empty()) {
                    changed.insert(field.clone(), value);
                }
            }
        }
    }
    for field in old.keys().filter(|field| !new.contains_key(*field)) {
        changed.insert(field.clone(), Value::Null);
    }
    (!changed.is_empty()).then(|| json!({"metadata": {"uid": uid}, "status": changed}))
}

/// Lists that merge by key are sent so that the outcome is the new list: changed conditions only, addresses as a whole.
fn change(field: &str, old: Option<&Value>, new: &Value) -> Value {
    let (Some(list), old) = (new.as_array(), old.and_then(Value::as_array)) else { return new.clone() };
    match field {
        "conditions" => Value::Array(conditions(old.map(Vec::as_slice).unwrap_or_default(), list)),
        "podIPs" | "hostIPs" if old.is_some() => {
            let mut replaced = list.clone();
            replaced.push(json!({"$patch": "replace"}));
            Value::Array(replaced)
        }
        _ => new.clone(),
    }
}

/// The owned conditions that changed or went; what others own is theirs to write, and may be newer than what is known here.
fn conditions(old: &[Value], new: &[Value]) -> Vec<Value> {
    let is_owned = |condition: &&Value| OWNED.iter().any(|kind| condition["type"] == *kind);
    let of_type = |list: &[Value], like: &Value| list.iter().find(|other| other["type"] == like["type"]).cloned();
    let changed = new.iter().filter(is_owned).filter(|condition| !old.contains(condition));
    let changed = changed.map(|condition| replacing(of_type(old, condition).as_ref(), condition));
    let gone = old.iter().filter(is_owned).filter(|condition| of_type(new, condition).is_none());
    changed.chain(gone.map(|condition| json!({"$patch": "delete", "type": condition["type"]}))).collect()
}

/// A condition that merges with its former self: what it no longer has is null.
fn replacing(old: Option<&Value>, new: &Value) -> Value {
    let mut merged = new.clone();
    for field in old.and_then(Value::as_object).into_iter().flat_map(Map::keys) {
        if merged.get(field).is_none() {
            merged[field] = Value::Null;
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(value: Value) -> PodStatus {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn equal_statuses_need_no_patch() {
        let same = status(json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}));
        assert_eq!(status_patch("u", &same, &same), None);
    }

    #[test]
    fn only_what_changed_is_sent() {
        let old =
            status(json!({"phase": "Pending", "message": "m", "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}],
            "conditions": [{"type": "Ready", "status": "False"}, {"type": "Initialized", "status": "True"}]}));
        let new = status(json!({"phase": "Running", "podIP": "10.0.0.2", "podIPs": [{"ip": "10.0.0.2"}],
            "conditions": [{"type": "Ready", "status": "True"}, {"type": "Initialized", "status": "True"}]}));
        let wanted = json!({"metadata": {"uid": "u"}, "status": {
            "phase": "Running", "message": null, "podIP": "10.0.0.2", "podIPs": [{"ip": "10.0.0.2"}, {"$patch": "replace"}],
            "conditions": [{"type": "Ready", "status": "True"}]}});
        assert_eq!(status_patch("u", &old, &new), Some(wanted));
    }

    #[test]
    fn what_a_condition_no_longer_has_is_taken_away() {
        let old = status(json!({"conditions": [
            {"type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": "m"},
            {"type": "ContainersReady", "status": "False"}, {"type": "theirs", "status": "True"}]}));
        let new = status(json!({"conditions": [{"type": "Ready", "status": "True"}]}));
        let wanted = json!({"metadata": {"uid": "u"}, "status": {"conditions": [
            {"type": "Ready", "status": "True", "reason": null, "message": null},
            {"$patch": "delete", "type": "ContainersReady"}]}});
        assert_eq!(status_patch("u", &old, &new), Some(wanted));
    }
}

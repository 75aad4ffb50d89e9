//! A condition of a Pod that the server itself sets: upstream's UpdatePodCondition. Pure.

use serde_json::{Map, Value, json};

/// Sets a condition to True. The time is that of the last change of its status; `true`: the Pod is another one now.
pub(super) fn set(pod: &mut Value, kind: &str, (reason, message): (&str, &str), now: &str) -> bool {
    let mut new = Map::new();
    let generation = &pod["metadata"]["generation"];
    if !generation.is_null() {
        new.insert("observedGeneration".to_owned(), generation.clone());
    }
    for (field, text) in
        [("type", kind), ("status", "True"), ("lastTransitionTime", now), ("reason", reason), ("message", message)]
    {
        if !text.is_empty() {
            new.insert(field.to_owned(), text.into());
        }
    }
    let Some(conditions) = pod["status"]["conditions"].as_array_mut() else {
        pod["status"]["conditions"] = json!([new]);
        return true;
    };
    match conditions.iter_mut().find(|condition| condition["type"] == kind) {
        None => conditions.push(Value::Object(new)),
        Some(old) => {
            if old["status"] == "True" && !old["lastTransitionTime"].is_null() {
                new.insert("lastTransitionTime".to_owned(), old["lastTransitionTime"].clone());
            }
            let new = Value::Object(new);
            if *old == new {
                return false;
            }
            *old = new;
        }
    }
    true
}

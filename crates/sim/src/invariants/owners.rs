//! In the end nothing has only owners that are gone, and nothing is still on its way out.

use std::collections::BTreeSet;

use apiserver::Objects;
use serde_json::Value;

pub(crate) fn owners(objects: &Objects) -> Result<(), String> {
    let snapshot = objects.snapshot();
    let all: Vec<(String, Value)> = snapshot
        .range("/registry/")
        .map(|item| {
            let object: Value = serde_json::from_slice(&item.bytes).expect("stored objects are JSON");
            (item.key.to_string(), object)
        })
        .collect();
    let uids: BTreeSet<&str> = all.iter().filter_map(|(_, object)| object["metadata"]["uid"].as_str()).collect();
    for (key, object) in &all {
        let meta = &object["metadata"];
        if !meta["deletionTimestamp"].is_null() {
            return Err(format!("{key} is still being deleted, finalizers {}", meta["finalizers"]));
        }
        let owners = meta["ownerReferences"].as_array().map(Vec::as_slice).unwrap_or_default();
        let lives = |owner: &Value| owner["uid"].as_str().is_some_and(|uid| uids.contains(uid));
        if !owners.is_empty() && !owners.iter().any(lives) {
            return Err(format!("{key} has lost its owner {} {}", owners[0]["kind"], owners[0]["name"]));
        }
    }
    Ok(())
}

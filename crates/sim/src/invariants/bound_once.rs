//! A Pod is bound to one node, once, and stays there.

use std::collections::BTreeMap;

use serde_json::Value;
use store::Record;

pub(crate) fn bound_once(book: &[Record]) -> Vec<String> {
    let mut nodes: BTreeMap<String, String> = BTreeMap::new();
    let mut broken = Vec::new();
    for record in book.iter().filter(|record| record.key.starts_with("/registry/pods/")) {
        let Some(value) = &record.value else { continue };
        let pod: Value = serde_json::from_slice(value).expect("a stored Pod is JSON");
        let uid = pod["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
        match nodes.get(&uid) {
            Some(before) if before != node => {
                broken.push(format!("{} went from node {before:?} to {node:?} at {}", record.key, record.revision));
            }
            _ if !node.is_empty() => drop(nodes.insert(uid, node.to_owned())),
            _ => {}
        }
    }
    broken
}

//! Walking through a Pod's containers and putting their names into sentences. Pure.

use serde_json::Value;

/// All containers: init, main, ephemeral.
pub(super) fn all(spec: &Value) -> impl Iterator<Item = &Value> {
    ["initContainers", "containers", "ephemeralContainers"]
        .into_iter()
        .flat_map(|kind| spec[kind].as_array().into_iter().flatten())
}

fn name(container: &Value) -> String {
    container["name"].as_str().unwrap_or_default().to_owned()
}

/// Names of the containers for which `bad` holds.
pub(super) fn which(spec: &Value, bad: impl Fn(&Value) -> bool) -> Vec<String> {
    all(spec).filter(|container| bad(container)).map(name).collect()
}

/// `"a", "b"`
pub(super) fn quoted<T: AsRef<str>>(names: &[T]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("{:?}", name.as_ref())).collect();
    quoted.join(", ")
}

/// `container "a"`, `containers "a", "b"`; empty for none.
pub(super) fn named(names: &[String]) -> String {
    match names.len() {
        0 => String::new(),
        1 => format!("container {}", quoted(names)),
        _ => format!("containers {}", quoted(names)),
    }
}

/// `pod`, `container "a"`, or both with "and".
pub(super) fn setters(pod: bool, containers: &[String]) -> String {
    match (pod, containers.is_empty()) {
        (true, true) => "pod".to_owned(),
        (true, false) => format!("pod and {}", named(containers)),
        (false, _) => named(containers),
    }
}

/// Distinct texts, sorted.
pub(super) fn distinct(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts.dedup();
    texts
}

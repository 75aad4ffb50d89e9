//! Limits of disk that Pods set themselves (an emptyDir's sizeLimit, limits of ephemeral-storage): whoever uses more is evicted, in
//! upstream's words (`localStorageEviction` of its eviction manager). Pure. ConfigMaps' files are not counted for the Pod.

use std::collections::BTreeMap;

use api::quantity::Quantity;
use k8s_openapi::api::core::v1::{Container, Pod, Volume};

use crate::containers::{containers, spec};
use crate::resources::total::{Side, pod_total};

pub const REASON: &str = "Evicted";
/// Upstream's grace period of Pods that it evicts at once.
pub const GRACE_SECONDS: i64 = 1;
const STORAGE: &str = "ephemeral-storage";
/// From this priority on nobody is evicted (system-cluster-critical).
const CRITICAL: i32 = 2_000_000_000;

/// Bytes that a Pod has on disk, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DiskUsage {
    pub empty_dirs: BTreeMap<String, u64>,
    /// Logs and writable layers.
    pub containers: BTreeMap<String, u64>,
}

/// What has to be measured for a Pod.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Watched {
    pub empty_dirs: bool,
    pub containers: bool,
}

pub fn watched(pod: &Pod) -> Watched {
    if spec(pod).priority.is_some_and(|priority| priority >= CRITICAL) {
        return Watched::default();
    }
    let of_pod = pod_total(pod, Side::Limits).contains_key(STORAGE);
    let containers = of_pod || containers(pod).iter().any(|container| limit(container).is_some());
    let empty_dirs = of_pod || disk_volumes(pod).any(|volume| size_limit(volume).is_some());
    Watched { empty_dirs, containers }
}

/// emptyDirs on disk; those in memory cannot grow beyond their mount.
pub fn disk_volumes(pod: &Pod) -> impl Iterator<Item = &Volume> {
    let on_disk = |volume: &&Volume| {
        volume.empty_dir.as_ref().is_some_and(|source| source.medium.as_deref().unwrap_or_default().is_empty())
    };
    spec(pod).volumes.iter().flatten().filter(on_disk)
}

/// Why the Pod has to go: the first limit that it exceeds.
pub fn exceeded(pod: &Pod, usage: &DiskUsage) -> Option<String> {
    for volume in disk_volumes(pod) {
        let used = usage.empty_dirs.get(&volume.name).copied().unwrap_or(0);
        if let Some(limit) = size_limit(volume).filter(|limit| used > bytes(limit)) {
            return Some(format!(
                "Usage of EmptyDir volume {:?} exceeds the limit {:?}. ",
                volume.name,
                limit.to_string()
            ));
        }
    }
    let total: u64 = usage.empty_dirs.values().chain(usage.containers.values()).sum();
    if let Some(limit) = pod_total(pod, Side::Limits).get(STORAGE).filter(|limit| total > bytes(limit)) {
        return Some(format!("Pod ephemeral local storage usage exceeds the total limit of containers {limit}. "));
    }
    containers(pod).iter().find_map(|container| {
        let used = usage.containers.get(&container.name).copied().unwrap_or(0);
        let limit = limit(container).filter(|limit| used > bytes(limit))?;
        let (name, limit) = (&container.name, limit.to_string());
        Some(format!("Container {name} exceeded its local ephemeral storage limit {limit:?}. "))
    })
}

fn size_limit(volume: &Volume) -> Option<Quantity> {
    let text = &volume.empty_dir.as_ref()?.size_limit.as_ref()?.0;
    Quantity::parse(text).ok().filter(|limit| limit.sign() > 0)
}

fn limit(container: &Container) -> Option<Quantity> {
    let text = &container.resources.as_ref()?.limits.as_ref()?.get(STORAGE)?.0;
    Quantity::parse(text).ok().filter(|limit| limit.sign() > 0)
}

fn bytes(quantity: &Quantity) -> u64 {
    quantity.value().unsigned_abs()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const MI: u64 = 1 << 20;

    fn pod(spec: Value) -> Pod {
        serde_json::from_value(json!({"metadata": {"name": "p"}, "spec": spec})).expect("a Pod")
    }

    fn limited(name: &str, limit: &str) -> Value {
        json!({"name": name, "resources": {"limits": {"ephemeral-storage": limit}}})
    }

    /// The messages are those of upstream's eviction helpers.
    #[test]
    fn the_first_limit_that_is_exceeded_is_named() {
        let volume = |source: Value| json!([{"name": "v", "emptyDir": source}]);
        let cases = [
            (json!({"containers": [], "volumes": volume(json!({"sizeLimit": "1Mi"}))}), 0, MI, None),
            (
                json!({"containers": [], "volumes": volume(json!({"sizeLimit": "1Mi"}))}),
                0,
                MI + 1,
                Some("Usage of EmptyDir volume \"v\" exceeds the limit \"1Mi\". "),
            ),
            (json!({"containers": [], "volumes": volume(json!({}))}), 0, 9 * MI, None),
            (json!({"containers": [], "volumes": volume(json!({"sizeLimit": "0"}))}), 0, MI, None),
            (
                json!({"containers": [], "volumes": volume(json!({"sizeLimit": "1Mi", "medium": "Memory"}))}),
                0,
                2 * MI,
                None,
            ),
            (
                json!({"containers": [limited("a", "1Mi"), limited("b", "2Mi")], "volumes": volume(json!({}))}),
                MI,
                3 * MI,
                Some("Pod ephemeral local storage usage exceeds the total limit of containers 3Mi. "),
            ),
            (
                json!({"containers": [limited("a", "1Mi"), limited("b", "5Mi")]}),
                2 * MI,
                0,
                Some("Container a exceeded its local ephemeral storage limit \"1Mi\". "),
            ),
            (json!({"containers": [limited("a", "2Mi")]}), 2 * MI, 0, None),
        ];
        for (spec, container, volume, expected) in cases {
            let usage =
                DiskUsage { empty_dirs: [("v".into(), volume)].into(), containers: [("a".into(), container)].into() };
            assert_eq!(exceeded(&pod(spec.clone()), &usage).as_deref(), expected, "{spec}");
        }
    }

    #[test]
    fn only_what_has_a_limit_is_watched_and_nothing_critical() {
        let volume = json!([{"name": "v", "emptyDir": {"sizeLimit": "1Mi"}}]);
        let both = Watched { empty_dirs: true, containers: true };
        for (spec, expected) in [
            (json!({"containers": [{"name": "a"}], "volumes": [{"name": "v", "emptyDir": {}}]}), Watched::default()),
            (json!({"containers": [], "volumes": volume}), Watched { empty_dirs: true, containers: false }),
            (json!({"containers": [limited("a", "1Mi")]}), both),
            (json!({"containers": [limited("a", "1Mi")], "priority": 2_000_000_000}), Watched::default()),
        ] {
            assert_eq!(watched(&pod(spec.clone())), expected, "{spec}");
        }
    }
}

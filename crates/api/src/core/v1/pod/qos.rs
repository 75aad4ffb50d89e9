//! A Pod's quality of service class (pkg/apis/core/helper/qos).

use serde_json::Value;

use crate::core::v1::resources;
use crate::tree::{at, items, len};

/// `Guaranteed`, `Burstable` or `BestEffort`.
pub(crate) fn class(spec: &Value) -> &'static str {
    if resources::has_pod_level(spec) {
        return of_requirements(at(spec, "resources"));
    }
    let containers = items(spec, "initContainers").iter().chain(items(spec, "containers"));
    combine(containers.map(|container| of_requirements(at(container, "resources"))))
}

/// One class if all agree, else Burstable.
fn combine(mut classes: impl Iterator<Item = &'static str>) -> &'static str {
    let Some(first) = classes.next() else { return "BestEffort" };
    if classes.all(|class| class == first) { first } else { "Burstable" }
}

fn of_requirements(requirements: &Value) -> &'static str {
    if len(at(requirements, "requests")) + len(at(requirements, "limits")) == 0 {
        return "BestEffort";
    }
    let (requests, limits) = (resources::read(requirements, "requests"), resources::read(requirements, "limits"));
    combine(["cpu", "memory"].into_iter().map(|name| {
        let request = requests.get(name).copied().unwrap_or_default();
        let limit = limits.get(name).copied().unwrap_or_default();
        match (request == limit, request.is_zero()) {
            (false, _) => "Burstable",
            (true, true) => "BestEffort",
            (true, false) => "Guaranteed",
        }
    }))
}

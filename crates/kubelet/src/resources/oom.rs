//! oom_score_adj of a container: guaranteed ones go last, best-effort ones first (upstream's qos policy).

use k8s_openapi::api::core::v1::{Container, Pod};

use super::total::{Side, side};
use crate::containers::{init_containers, is_sidecar, spec};
use crate::qos::{QosClass, qos_class};

const GUARANTEED: i64 = -997;
const BEST_EFFORT: i64 = 1000;
/// system-node-critical begins here.
const NODE_CRITICAL: i32 = 2_000_001_000;

pub fn oom_score_adj(pod: &Pod, container: &Container, node_memory_bytes: i64) -> i64 {
    if is_node_critical(pod) {
        return GUARANTEED;
    }
    match qos_class(pod) {
        QosClass::Guaranteed => return GUARANTEED,
        QosClass::BestEffort => return BEST_EFFORT,
        QosClass::Burstable => {}
    }
    let score = burstable(container, node_memory_bytes);
    // A sidecar must not be killed before the containers it serves.
    let is_sidecar = init_containers(pod).iter().any(|init| init.name == container.name && is_sidecar(init));
    if is_sidecar {
        let lowest = spec(pod).containers.iter().map(|container| burstable(container, node_memory_bytes)).min();
        return score.min(lowest.unwrap_or(score));
    }
    score
}

fn burstable(container: &Container, node_memory_bytes: i64) -> i64 {
    let request =
        side(container.resources.as_ref(), Side::Requests).get("memory").map_or(0, |quantity| quantity.value());
    let share = i128::from(request) * 1000 / i128::from(node_memory_bytes.max(1));
    let score = 1000 - i64::try_from(share).unwrap_or(1000);
    // Between the guaranteed and the best-effort ones.
    score.clamp(1000 + GUARANTEED, BEST_EFFORT - 1)
}

fn is_node_critical(pod: &Pod) -> bool {
    spec(pod).priority.is_some_and(|priority| priority >= NODE_CRITICAL)
        || pod
            .metadata
            .annotations
            .as_ref()
            .is_some_and(|annotations| annotations.contains_key("kubernetes.io/config.mirror"))
}

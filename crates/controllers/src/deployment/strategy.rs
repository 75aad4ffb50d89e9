//! A Deployment's numbers: desired, maxSurge, maxUnavailable, deadlines.

use api::int_or_string::Rounding;
use k8s_openapi::api::apps::v1::Deployment;

use crate::numbers::resolve;

pub fn replicas(deployment: &Deployment) -> i32 {
    deployment.spec.replicas.unwrap_or(1)
}

pub fn is_paused(deployment: &Deployment) -> bool {
    deployment.spec.paused == Some(true)
}

pub fn is_recreate(deployment: &Deployment) -> bool {
    deployment.spec.strategy.as_ref().is_some_and(|strategy| strategy.type_.as_deref() == Some("Recreate"))
}

pub fn min_ready_seconds(deployment: &Deployment) -> Option<i32> {
    deployment.spec.min_ready_seconds
}

/// None without a deadline.
pub fn progress_deadline(deployment: &Deployment) -> Option<i32> {
    deployment.spec.progress_deadline_seconds.filter(|seconds| *seconds != i32::MAX)
}

/// maxSurge and maxUnavailable in Pods; never both zero.
fn fenceposts(deployment: &Deployment) -> (i32, i32) {
    let rolling =
        deployment.spec.strategy.as_ref().and_then(|strategy| strategy.rolling_update.clone()).unwrap_or_default();
    let total = replicas(deployment);
    let surge = rolling.max_surge.map_or(0, |value| resolve(&value, total, Rounding::Up));
    let unavailable = rolling.max_unavailable.map_or(0, |value| resolve(&value, total, Rounding::Down));
    if surge == 0 && unavailable == 0 { (0, 1) } else { (surge, unavailable) }
}

/// How many Pods may be there beyond the desired.
pub fn max_surge(deployment: &Deployment) -> i32 {
    if is_recreate(deployment) { 0 } else { fenceposts(deployment).0 }
}

/// How many of the desired Pods may be missing.
pub fn max_unavailable(deployment: &Deployment) -> i32 {
    if is_recreate(deployment) || replicas(deployment) == 0 {
        return 0;
    }
    fenceposts(deployment).1.min(replicas(deployment))
}

//! How long to wait before Pods are replaced: ten seconds, doubled with each failure since the last success, ten minutes at
//! most. Computed from the Pods themselves, so that a restart of the controller forgets nothing.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;

use crate::numbers::remaining;
use crate::pods;

const FIRST_SECONDS: i64 = 10;
const LAST_SECONDS: i64 = 600;

pub fn wait(pods: &[Arc<Pod>], now: Timestamp) -> Duration {
    let of_phase = |phase: &'static str| pods.iter().filter(move |pod| pods::phase(pod) == phase);
    let last_success = of_phase("Succeeded").filter_map(|pod| finished_at(pod)).max();
    let failures = of_phase("Failed").filter_map(|pod| finished_at(pod));
    let failures: Vec<Timestamp> = failures.filter(|at| last_success.is_none_or(|success| *at > success)).collect();
    failures.iter().max().map_or(Duration::ZERO, |last| after(failures.len(), *last, now))
}

/// What is left to wait after so many failures, the last of them then.
pub fn after(failures: usize, last: Timestamp, now: Timestamp) -> Duration {
    let doublings = u32::try_from(failures.saturating_sub(1)).unwrap_or(u32::MAX).min(10);
    remaining(last, (FIRST_SECONDS << doublings).min(LAST_SECONDS), now)
}

/// When the last container of a Pod ended; else when it was seen to be no longer ready, to be deleted, or made.
pub fn finished_at(pod: &Pod) -> Option<Timestamp> {
    let status = pod.status.as_ref();
    let containers = status.and_then(|status| status.container_statuses.as_ref()).into_iter().flatten();
    let ended = containers.filter_map(|container| container.state.as_ref()?.terminated.as_ref()?.finished_at.as_ref());
    let ended = ended.map(|time| time.0).max();
    let unready =
        || pods::condition(pod, "Ready").and_then(|ready| ready.last_transition_time.as_ref()).map(|time| time.0);
    let deleted = || pod.metadata.deletion_timestamp.as_ref().map(|time| time.0);
    let created = || pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
    ended.or_else(unready).or_else(deleted).or_else(created)
}

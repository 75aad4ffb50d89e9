//! A DaemonSet's status: nodes counted.

use client::Object;
use client::runtime::Plan;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{DaemonSet, DaemonSetStatus};
use k8s_openapi::api::core::v1::Pod;

use super::reconcile::Place;
use crate::history::REVISION_HASH;
use crate::numbers::{count, nonzero};
use crate::pods;

pub fn write(plan: &mut Plan, set: &DaemonSet, places: &[Place], hash: &str, now: Timestamp) {
    let old = set.status.clone().unwrap_or_default();
    let min_ready_seconds = set.spec.min_ready_seconds.unwrap_or(0);
    // The Pod that counts for a node: a ready one, then the oldest.
    let first = |place: &Place| place.pods.iter().min_by_key(|pod| !pods::is_ready(pod)).cloned();
    let running: Vec<_> = places.iter().filter(|place| place.should_run).filter_map(first).collect();
    let number = |matches: &dyn Fn(&Pod) -> bool| count(running.iter().filter(|pod| matches(pod)).count());
    let desired = count(places.iter().filter(|place| place.should_run).count());
    let available = number(&|pod| pods::is_available(pod, min_ready_seconds, now));
    let misscheduled = places.iter().filter(|place| !place.should_run && !place.pods.is_empty()).count();
    let new = DaemonSetStatus {
        desired_number_scheduled: desired,
        current_number_scheduled: count(running.len()),
        number_misscheduled: count(misscheduled),
        number_ready: number(&pods::is_ready),
        number_available: nonzero(available),
        number_unavailable: nonzero(desired - available),
        updated_number_scheduled: nonzero(number(&|pod| pod.label(REVISION_HASH) == Some(hash))),
        observed_generation: set.metadata.generation,
        collision_count: old.collision_count,
        conditions: old.conditions,
    };
    let waits = running.iter().filter_map(|pod| pods::until_available(pod, min_ready_seconds, now));
    if let Some(wait) = waits.filter(|wait| !wait.is_zero()).min() {
        plan.requeue_after(wait);
    }
    plan.update_status(set, &DaemonSet { status: Some(new), ..set.clone() });
}

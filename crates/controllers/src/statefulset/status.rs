//! A StatefulSet's status: Pods counted by revision; an update is complete when all of them have the new one.

use std::sync::Arc;

use client::Object;
use client::runtime::Plan;
use k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSet, StatefulSetStatus};

use super::line::{Line, hash, is_running_and_ready};
use super::rolling;
use crate::numbers::{count, nonzero};

/// The names of the revisions between which the set is.
pub struct Revisions {
    pub current: String,
    pub update: String,
}

impl Revisions {
    /// A current revision that is gone counts as updated.
    pub fn of(set: &StatefulSet, update: &str, known: &[Arc<ControllerRevision>]) -> Self {
        let current = set.status.as_ref().and_then(|status| status.current_revision.clone());
        let current = current.filter(|name| known.iter().any(|revision| revision.name() == name));
        Self { current: current.unwrap_or_else(|| update.to_owned()), update: update.to_owned() }
    }
}

pub fn write(plan: &mut Plan, set: &StatefulSet, line: &Line, revisions: &Revisions) {
    let old = set.status.clone().unwrap_or_default();
    let made: Vec<_> = line.pods().filter(|pod| !crate::pods::phase(pod).is_empty()).collect();
    let living = || made.iter().filter(|pod| !pod.is_deleting());
    let number = |name: &str| count(living().filter(|pod| hash(pod) == name).count());
    let ready = count(made.iter().filter(|pod| is_running_and_ready(pod)).count());
    let replicas = count(made.len());
    let updated = number(&revisions.update);
    let wanted = set.spec.replicas.unwrap_or(1);
    let is_complete = rolling::partition(set).is_some() && [updated, ready, replicas].iter().all(|n| *n == wanted);
    let current = if is_complete { &revisions.update } else { &revisions.current };
    let new = StatefulSetStatus {
        replicas,
        ready_replicas: nonzero(ready),
        available_replicas: Some(count(
            made.iter().filter(|pod| is_running_and_ready(pod) && line.is_available(pod)).count(),
        )),
        current_replicas: nonzero(number(current)),
        updated_replicas: nonzero(updated),
        current_revision: Some(current.clone()),
        update_revision: Some(revisions.update.clone()),
        observed_generation: set.metadata.generation,
        collision_count: old.collision_count.or(Some(0)),
        conditions: old.conditions,
    };
    plan.update_status(set, &StatefulSet { status: Some(new), ..set.clone() });
}

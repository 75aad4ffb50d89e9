//! A Deployment's status: counts summed over its ReplicaSets, and the conditions that `rollout status` reads.

use std::time::Duration;

use client::Object;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::{Deployment, DeploymentCondition, DeploymentStatus};

use super::sets::{Set, Sets};
use super::strategy;
use crate::numbers::{nonzero, time};

pub const PROGRESSING: &str = "Progressing";
const REPLICA_FAILURE: &str = "ReplicaFailure";
const COMPLETE: &str = "NewReplicaSetAvailable";
const TIMED_OUT: &str = "ProgressDeadlineExceeded";

/// The counts, and whether the Deployment is available.
pub fn counted(deployment: &Deployment, sets: &Sets, now: Timestamp) -> DeploymentStatus {
    let sum = |of: fn(&Set) -> i32| sets.all().map(of).sum::<i32>();
    let old = deployment.status.clone().unwrap_or_default();
    let available = sum(Set::available);
    let terminating = sets.all().map(|set| set.wanted.status.as_ref().and_then(|status| status.terminating_replicas));
    let mut status = DeploymentStatus {
        observed_generation: deployment.metadata.generation,
        replicas: nonzero(sum(Set::actual)),
        updated_replicas: nonzero(sets.new.as_ref().map_or(0, Set::actual)),
        ready_replicas: nonzero(sum(Set::ready)),
        available_replicas: nonzero(available),
        unavailable_replicas: nonzero((sets.replicas() - available).max(0)),
        terminating_replicas: terminating.sum(),
        collision_count: old.collision_count,
        conditions: old.conditions,
    };
    let condition = if available >= strategy::replicas(deployment) - strategy::max_unavailable(deployment) {
        condition("Available", "True", ("MinimumReplicasAvailable", "Deployment has minimum availability."), now)
    } else {
        condition(
            "Available",
            "False",
            ("MinimumReplicasUnavailable", "Deployment does not have minimum availability."),
            now,
        )
    };
    set(&mut status, condition);
    status
}

/// Adds how far the rollout has come.
pub fn rolled_out(deployment: &Deployment, sets: &Sets, now: Timestamp) -> DeploymentStatus {
    let mut status = counted(deployment, sets, now);
    if strategy::progress_deadline(deployment).is_none() {
        remove(&mut status, PROGRESSING);
    } else {
        progress(deployment, sets, &mut status, now);
    }
    let failure = sets.new.iter().chain(&sets.old).find_map(failure_of);
    match failure {
        Some(failure) => set(&mut status, failure),
        None => remove(&mut status, REPLICA_FAILURE),
    }
    status
}

fn progress(deployment: &Deployment, sets: &Sets, status: &mut DeploymentStatus, now: Timestamp) {
    let current = find(status, PROGRESSING).cloned();
    let was_complete = current.as_ref().is_some_and(|current| current.reason.as_deref() == Some(COMPLETE));
    if was_complete && status.replicas == status.updated_replicas {
        return;
    }
    let who = match &sets.new {
        Some(new) => format!("ReplicaSet {:?}", new.name()),
        None => format!("Deployment {:?}", deployment.name()),
    };
    if is_complete(deployment, status) {
        set(status, condition(PROGRESSING, "True", (COMPLETE, &format!("{who} has successfully progressed.")), now));
    } else if progresses(deployment, status) {
        let mut next = condition(PROGRESSING, "True", ("ReplicaSetUpdated", &format!("{who} is progressing.")), now);
        if let Some(current) = current.filter(|current| current.status.as_deref() == Some("True")) {
            next.last_transition_time = current.last_transition_time;
        }
        remove(status, PROGRESSING);
        set(status, next);
    } else if has_timed_out(deployment, status, now) {
        set(status, condition(PROGRESSING, "False", (TIMED_OUT, &format!("{who} has timed out progressing.")), now));
    }
}

/// Whether every desired Pod is new and available.
pub fn is_complete(deployment: &Deployment, status: &DeploymentStatus) -> bool {
    let desired = strategy::replicas(deployment);
    let is_all = |count: Option<i32>| count.unwrap_or(0) == desired;
    is_all(status.updated_replicas)
        && is_all(status.replicas)
        && is_all(status.available_replicas)
        && status.observed_generation >= deployment.metadata.generation
}

fn progresses(deployment: &Deployment, new: &DeploymentStatus) -> bool {
    let default = DeploymentStatus::default();
    let old = deployment.status.as_ref().unwrap_or(&default);
    let outdated = |status: &DeploymentStatus| status.replicas.unwrap_or(0) - status.updated_replicas.unwrap_or(0);
    new.updated_replicas > old.updated_replicas
        || outdated(new) < outdated(old)
        || new.ready_replicas > old.ready_replicas
        || new.available_replicas > old.available_replicas
}

fn has_timed_out(deployment: &Deployment, status: &DeploymentStatus, now: Timestamp) -> bool {
    let Some(deadline) = strategy::progress_deadline(deployment) else { return false };
    let Some(current) = find(status, PROGRESSING) else { return false };
    match current.reason.as_deref() {
        Some(COMPLETE) => false,
        Some(TIMED_OUT) => true,
        _ => current
            .last_update_time
            .as_ref()
            .is_some_and(|from| from.0 + SignedDuration::from_secs(i64::from(deadline)) < now),
    }
}

/// When to look whether the deadline has passed.
pub fn next_check(deployment: &Deployment, status: &DeploymentStatus, now: Timestamp) -> Option<Duration> {
    let deadline = strategy::progress_deadline(deployment)?;
    let current = find(status, PROGRESSING)?;
    if is_complete(deployment, status) || matches!(current.reason.as_deref(), Some(TIMED_OUT | COMPLETE)) {
        return None;
    }
    let from = current.last_update_time.as_ref()?.0;
    Some(crate::numbers::remaining(from, i64::from(deadline), now) + Duration::from_secs(1))
}

fn failure_of(set: &Set) -> Option<DeploymentCondition> {
    let conditions = set.wanted.status.as_ref()?.conditions.as_ref()?;
    let failure = conditions.iter().find(|condition| condition.type_.as_deref() == Some(REPLICA_FAILURE))?;
    Some(DeploymentCondition {
        type_: failure.type_.clone(),
        status: failure.status.clone(),
        reason: failure.reason.clone(),
        message: failure.message.clone(),
        last_transition_time: failure.last_transition_time.clone(),
        last_update_time: failure.last_transition_time.clone(),
    })
}

/// Notes that the rollout was paused or goes on, so that the time in between does not count against the deadline.
pub fn paused(deployment: &Deployment, now: Timestamp) -> Option<DeploymentStatus> {
    strategy::progress_deadline(deployment)?;
    let mut status = deployment.status.clone().unwrap_or_default();
    let reason = find(&status, PROGRESSING).and_then(|current| current.reason.as_deref());
    if reason == Some(TIMED_OUT) {
        return None;
    }
    let next = match (strategy::is_paused(deployment), reason == Some("DeploymentPaused")) {
        (true, false) => condition(PROGRESSING, "Unknown", ("DeploymentPaused", "Deployment is paused"), now),
        (false, true) => condition(PROGRESSING, "Unknown", ("DeploymentResumed", "Deployment is resumed"), now),
        _ => return None,
    };
    set(&mut status, next);
    Some(status)
}

pub fn condition(
    condition_type: &str,
    status: &str,
    (reason, message): (&str, &str),
    now: Timestamp,
) -> DeploymentCondition {
    DeploymentCondition {
        type_: Some(condition_type.to_owned()),
        status: Some(status.to_owned()),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        last_update_time: Some(time(now)),
        last_transition_time: Some(time(now)),
    }
}

pub fn find<'a>(status: &'a DeploymentStatus, condition_type: &str) -> Option<&'a DeploymentCondition> {
    status.conditions.iter().flatten().find(|condition| condition.type_.as_deref() == Some(condition_type))
}

/// Sets a condition; one with the same status and reason stays as it is.
pub fn set(status: &mut DeploymentStatus, mut condition: DeploymentCondition) {
    let condition_type = condition.type_.clone().unwrap_or_default();
    if let Some(current) = find(status, &condition_type) {
        if current.status == condition.status && current.reason == condition.reason {
            return;
        }
        if current.status == condition.status {
            condition.last_transition_time = current.last_transition_time.clone();
        }
    }
    remove(status, &condition_type);
    status.conditions.get_or_insert_default().push(condition);
}

fn remove(status: &mut DeploymentStatus, condition_type: &str) {
    if let Some(conditions) = &mut status.conditions {
        conditions.retain(|condition| condition.type_.as_deref() != Some(condition_type));
    }
    status.conditions = status.conditions.take().filter(|conditions| !conditions.is_empty());
}

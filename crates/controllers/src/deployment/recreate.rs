//! The Recreate strategy: all old Pods end before the first new one starts.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::Pod;

use super::sets::{Set, Sets};
use super::strategy;
use crate::pods;

/// Scales every old ReplicaSet to nothing; true if one was not there yet.
pub fn scale_old(deployment: &Deployment, sets: &mut Sets) -> bool {
    let mut changed = false;
    for set in sets.old.iter_mut().filter(|set| set.replicas() > 0) {
        changed |= set.scale(deployment, 0);
    }
    changed
}

/// Whether any Pod of an old ReplicaSet may still be running.
pub fn old_pods_run(sets: &Sets, pods_of: &dyn Fn(&ReplicaSet) -> Vec<Arc<Pod>>) -> bool {
    sets.old.iter().any(|set| set.actual() > 0 || pods_of(set.observed()).iter().any(|pod| !pods::is_terminal(pod)))
}

pub fn scale_new(deployment: &Deployment, sets: &mut Sets) {
    let desired = strategy::replicas(deployment);
    if let Some(new) = sets.new.as_mut().filter(|new: &&mut Set| new.replicas() != desired) {
        new.scale(deployment, desired);
    }
}

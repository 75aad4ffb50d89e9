//! The RollingUpdate strategy: never more than maxSurge beyond the desired number, never fewer than maxUnavailable below it.

use k8s_openapi::api::apps::v1::Deployment;

use super::sets::{Set, Sets};
use super::strategy;

/// How many replicas the new ReplicaSet (there or about to be made) may have now.
pub fn new_replicas(deployment: &Deployment, sets: &Sets) -> i32 {
    let desired = strategy::replicas(deployment);
    if strategy::is_recreate(deployment) {
        return desired;
    }
    let present = sets.new.as_ref().map_or(0, Set::replicas);
    let room = desired + strategy::max_surge(deployment) - sets.replicas();
    if room <= 0 { present } else { present + room.min(desired - present) }
}

/// Grows the new ReplicaSet, or shrinks it to what is desired; true if that changes its size.
pub fn scale_new(deployment: &Deployment, sets: &mut Sets) -> bool {
    let desired = strategy::replicas(deployment);
    let size = match &sets.new {
        None => return false,
        Some(new) if new.replicas() == desired => return false,
        Some(new) if new.replicas() > desired => desired,
        Some(_) => new_replicas(deployment, sets),
    };
    sets.new.as_mut().is_some_and(|new| new.replicas() != size && new.scale(deployment, size))
}

/// Shrinks the old ReplicaSets as far as availability allows; true if that changes a size.
pub fn scale_old(deployment: &Deployment, sets: &mut Sets) -> bool {
    if sets.old_replicas() == 0 {
        return false;
    }
    let min_available = strategy::replicas(deployment) - strategy::max_unavailable(deployment);
    let new_unavailable = sets.new.as_ref().map_or(0, |new| new.replicas() - new.available());
    let most = sets.replicas() - min_available - new_unavailable;
    if most <= 0 {
        return false;
    }
    // Unhealthy Pods go first: they count towards nothing.
    let unhealthy = give_up(deployment, sets, most, |set| set.replicas() - set.available());
    let spare = sets.available() - min_available;
    let healthy = give_up(deployment, sets, spare, Set::replicas);
    unhealthy || healthy
}

/// Takes up to `most` replicas from the old ReplicaSets, oldest first, from each at most what `can_spare` says.
fn give_up(deployment: &Deployment, sets: &mut Sets, most: i32, can_spare: impl Fn(&Set) -> i32) -> bool {
    let mut left = most;
    let mut changed = false;
    for set in sets.old.iter_mut().filter(|set| set.replicas() > 0) {
        let taken = can_spare(set).min(left).min(set.replicas());
        if taken > 0 {
            left -= taken;
            changed |= set.scale(deployment, set.replicas() - taken);
        }
    }
    changed
}

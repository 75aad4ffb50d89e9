//! Scaling a Deployment that is paused or whose desired number changed: a lone ReplicaSet takes it all, several share the
//! change in proportion to their sizes.

use k8s_openapi::api::apps::v1::Deployment;

use super::sets::{DESIRED_REPLICAS, MAX_REPLICAS, Set, Sets};
use super::strategy;

/// Whether the desired number changed since an active ReplicaSet was last scaled.
pub fn is_scaling(deployment: &Deployment, sets: &Sets) -> bool {
    let desired = strategy::replicas(deployment);
    let noted = |set: &Set| set.annotation(DESIRED_REPLICAS).and_then(|text| text.parse::<i32>().ok());
    sets.all().filter(|set| set.replicas() > 0).any(|set| noted(set).is_some_and(|noted| noted != desired))
}

pub fn scale(deployment: &Deployment, sets: &mut Sets) {
    let desired = strategy::replicas(deployment);
    if let Some(only) = active_or_latest(sets) {
        if only.replicas() != desired {
            only.scale(deployment, desired);
        }
        return;
    }
    if sets.new.as_ref().is_some_and(|new| is_saturated(deployment, new)) {
        for old in sets.old.iter_mut().filter(|old| old.replicas() > 0) {
            old.scale(deployment, 0);
        }
        return;
    }
    if !strategy::is_recreate(deployment) {
        share(deployment, sets);
    }
}

/// The only active ReplicaSet; without any, the new or the latest one. None if several are active.
fn active_or_latest(sets: &mut Sets) -> Option<&mut Set> {
    let active = sets.all().filter(|set| set.replicas() > 0).count();
    match active {
        0 if sets.new.is_some() => sets.new.as_mut(),
        0 => sets.old.last_mut(),
        1 => sets.all_mut().find(|set| set.replicas() > 0),
        _ => None,
    }
}

/// Whether the new ReplicaSet is all the Deployment wants.
fn is_saturated(deployment: &Deployment, new: &Set) -> bool {
    let desired = strategy::replicas(deployment);
    let noted = new.annotation(DESIRED_REPLICAS).and_then(|text| text.parse::<i32>().ok());
    new.replicas() == desired && noted == Some(desired) && new.available() == desired
}

fn share(deployment: &Deployment, sets: &mut Sets) {
    let desired = strategy::replicas(deployment);
    let allowed = if desired > 0 { desired + strategy::max_surge(deployment) } else { 0 };
    let change = allowed - sets.replicas();
    let mut active: Vec<&mut Set> = sets.all_mut().filter(|set| set.replicas() > 0).collect();
    // The largest first; of equals the newest when growing, the oldest when shrinking.
    active.sort_by(|a, b| {
        let ages = a.wanted.metadata.creation_timestamp.cmp(&b.wanted.metadata.creation_timestamp);
        let ages = ages.then_with(|| a.name().cmp(b.name()));
        b.replicas().cmp(&a.replicas()).then(if change > 0 { ages.reverse() } else { ages })
    });
    let mut shared = 0;
    let mut sizes = Vec::new();
    for set in &active {
        let part = if change == 0 { 0 } else { proportion(deployment, set, change, shared) };
        shared += part;
        sizes.push(set.replicas() + part);
    }
    // What rounding left over goes to the largest.
    if change != 0
        && let Some(first) = sizes.first_mut()
    {
        *first = (*first + change - shared).max(0);
    }
    for (set, size) in active.into_iter().zip(sizes) {
        set.scale(deployment, size);
    }
}

/// A ReplicaSet's part of the change, within what is left of it.
fn proportion(deployment: &Deployment, set: &Set, change: i32, shared: i32) -> i32 {
    let left = change - shared;
    if set.replicas() == 0 || left == 0 {
        return 0;
    }
    let fraction = fraction(deployment, set);
    if change > 0 { fraction.min(left) } else { fraction.max(left) }
}

fn fraction(deployment: &Deployment, set: &Set) -> i32 {
    let desired = strategy::replicas(deployment);
    if desired == 0 {
        return -set.replicas();
    }
    let greatest = f64::from(desired + strategy::max_surge(deployment));
    let before = set.annotation(MAX_REPLICAS).and_then(|text| text.parse::<i32>().ok()).filter(|before| *before != 0);
    let before = before.or_else(|| deployment.status.as_ref().and_then(|status| status.replicas)).unwrap_or(0);
    if before == 0 {
        return 0;
    }
    let size = f64::from(set.replicas()) * greatest / f64::from(before);
    // In range: a share of an i32 times a ratio of replica counts.
    size.round() as i32 - set.replicas()
}

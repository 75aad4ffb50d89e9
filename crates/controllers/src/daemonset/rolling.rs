//! The RollingUpdate strategy: within maxUnavailable old Pods go first, within maxSurge new ones come first.

use std::sync::Arc;

use api::int_or_string::Rounding;
use client::Object;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{DaemonSet, RollingUpdateDaemonSet};
use k8s_openapi::api::core::v1::Pod;

use super::reconcile::{Change, Place};
use crate::history::REVISION_HASH;
use crate::numbers::{count, resolve};
use crate::pods;

fn strategy(set: &DaemonSet) -> Option<RollingUpdateDaemonSet> {
    let strategy = set.spec.update_strategy.as_ref()?;
    (strategy.type_.as_deref() != Some("OnDelete")).then(|| strategy.rolling_update.clone().unwrap_or_default())
}

/// maxSurge and maxUnavailable in Pods; never both zero.
fn limits(set: &DaemonSet, desired: i32) -> Option<(i32, i32)> {
    let strategy = strategy(set)?;
    let resolved = |value: Option<_>| value.map_or(0, |value| resolve(&value, desired, Rounding::Up));
    let (surge, unavailable) = (resolved(strategy.max_surge), resolved(strategy.max_unavailable));
    Some(if surge == 0 && unavailable == 0 { (0, 1) } else { (surge, unavailable) })
}

/// Whether new Pods may come before old ones go.
pub fn surges(set: &DaemonSet) -> bool {
    limits(set, 1).is_some_and(|(surge, _)| surge > 0)
}

/// The next step of an update.
pub fn update(set: &DaemonSet, places: &[Place], hash: &str, now: Timestamp) -> Change {
    let desired = count(places.iter().filter(|place| place.should_run).count());
    let step = Step { hash, min_ready_seconds: set.spec.min_ready_seconds.unwrap_or(0), now };
    match limits(set, desired) {
        None => Change::default(),
        Some((0, unavailable)) => step.replace(places, unavailable),
        Some((surge, _)) => step.surge(places, surge),
    }
}

struct Step<'a> {
    hash: &'a str,
    min_ready_seconds: i32,
    now: Timestamp,
}

impl Step<'_> {
    fn is_available(&self, pod: &Pod) -> bool {
        !pod.is_deleting() && pods::is_available(pod, self.min_ready_seconds, self.now)
    }

    /// The new and the old Pod of a node.
    fn pair<'a>(&self, place: &'a Place) -> (Option<&'a Arc<Pod>>, Option<&'a Arc<Pod>>) {
        let is_new = |pod: &&Arc<Pod>| pod.label(REVISION_HASH) == Some(self.hash);
        (place.pods.iter().find(is_new), place.pods.iter().find(|pod| !is_new(pod)))
    }

    fn replace(&self, places: &[Place], max_unavailable: i32) -> Change {
        let mut unavailable = 0;
        let (mut broken, mut candidates) = (Vec::new(), Vec::new());
        for place in places.iter().filter(|place| !place.pods.is_empty()) {
            match self.pair(place) {
                (Some(new), None) if self.is_available(new) => {}
                (None, Some(old)) if old.is_deleting() => unavailable += 1,
                // Whatever replaces a Pod that does not work makes nothing worse.
                (None, Some(old)) if !self.is_available(old) => broken.push(old.clone()),
                (None, Some(old)) => candidates.push(old.clone()),
                _ => unavailable += 1,
            }
        }
        let room = usize::try_from(max_unavailable - unavailable).unwrap_or(0);
        broken.extend(candidates.into_iter().take(room));
        Change { create: Vec::new(), delete: broken }
    }

    fn surge(&self, places: &[Place], max_surge: i32) -> Change {
        let mut surging = 0;
        let mut change = Change::default();
        let mut candidates = Vec::new();
        for place in places {
            match self.pair(place) {
                (Some(new), Some(old)) if self.is_available(new) => {
                    change.delete.extend(Some(old.clone()).filter(|old| !old.is_deleting()));
                }
                (Some(_), Some(_)) => surging += 1,
                (None, Some(old)) if place.should_run && !self.is_available(old) => {
                    change.create.push(place.name.clone());
                }
                (None, Some(_)) if place.should_run => candidates.push(place.name.clone()),
                _ => {}
            }
        }
        let room = usize::try_from(max_surge - surging).unwrap_or(0);
        change.create.extend(candidates.into_iter().take(room));
        change
    }
}

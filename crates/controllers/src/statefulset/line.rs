//! The Pods of a StatefulSet in line: those that should be there by their place, and those beyond.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use client::Object;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;

use super::identity;
use crate::history::REVISION_HASH;
use crate::pods;

pub struct Line {
    /// By ordinal; None where the Pod is missing.
    pub places: BTreeMap<i32, Option<Arc<Pod>>>,
    /// Beyond the line, the highest first.
    pub condemned: Vec<(i32, Arc<Pod>)>,
    min_ready_seconds: i32,
    now: Timestamp,
}

impl Line {
    pub fn new(set: &StatefulSet, all: &[Arc<Pod>], now: Timestamp) -> Self {
        let start = start(set);
        let end = start.saturating_add(set.spec.replicas.unwrap_or(1));
        let mut places: BTreeMap<i32, Option<Arc<Pod>>> = (start..end).map(|ordinal| (ordinal, None)).collect();
        let mut condemned = Vec::new();
        for pod in all {
            let Some(ordinal) = identity::ordinal(set, pod) else { continue };
            match places.get_mut(&ordinal) {
                Some(place) => *place = Some(pod.clone()),
                None => condemned.push((ordinal, pod.clone())),
            }
        }
        condemned.sort_by_key(|(ordinal, _)| Reverse(*ordinal));
        Self { places, condemned, min_ready_seconds: set.spec.min_ready_seconds.unwrap_or(0), now }
    }

    pub fn pods(&self) -> impl Iterator<Item = &Arc<Pod>> {
        self.places.values().flatten().chain(self.condemned.iter().map(|(_, pod)| pod))
    }

    /// Ready for long enough.
    pub fn is_available(&self, pod: &Pod) -> bool {
        pods::is_available(pod, self.min_ready_seconds, self.now)
    }

    /// Serving, and going to.
    pub fn is_well(&self, pod: &Pod) -> bool {
        self.is_available(pod) && !pod.is_deleting()
    }

    /// How long a ready Pod has to wait until it is available.
    pub fn until_available(&self, pod: &Pod) -> Option<std::time::Duration> {
        pods::until_available(pod, self.min_ready_seconds, self.now).filter(|wait| !wait.is_zero())
    }

    /// The first Pod that is not well: by place in line, the condemned from their low end.
    pub fn first_unwell(&self) -> Option<&str> {
        let place = self.places.values().flatten().find(|pod| !self.is_well(pod));
        let beyond = || self.condemned.iter().rev().map(|(_, pod)| pod).find(|pod| !self.is_well(pod));
        place.or_else(beyond).map(|pod| pod.name())
    }
}

/// The first ordinal.
pub fn start(set: &StatefulSet) -> i32 {
    set.spec.ordinals.as_ref().and_then(|ordinals| ordinals.start).unwrap_or(0)
}

pub fn is_running_and_ready(pod: &Pod) -> bool {
    pods::phase(pod) == "Running" && pods::is_ready(pod)
}

/// The name of a Pod's revision.
pub fn hash(pod: &Pod) -> &str {
    pod.label(REVISION_HASH).unwrap_or_default()
}

//! The scheduling queue: activeQ by priority, backoffQ by time, and the Pods that wait for the cluster to change. Pure: time is passed in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;

use crate::framework::ClusterEvent;
use crate::plugins;

const BACKOFF_INITIAL: SignedDuration = SignedDuration::from_secs(1);
const BACKOFF_MAX: SignedDuration = SignedDuration::from_secs(10);
/// A Pod that no event woke is tried again after this long (upstream's PodMaxInUnschedulablePodsDuration).
const UNSCHEDULABLE_MAX: SignedDuration = SignedDuration::from_mins(5);

/// A Pod that waits to be scheduled.
#[derive(Clone, Debug)]
pub struct QueuedPod {
    pub pod: Arc<Pod>,
    pub attempts: u32,
    added: Timestamp,
    /// Plugins whose refusal must turn around before trying again makes sense.
    refused_by: Vec<&'static str>,
    failed_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Active,
    Backoff,
    Unschedulable,
    InFlight,
}

/// All unscheduled Pods, by UID.
#[derive(Debug, Default)]
pub struct Queue {
    pods: BTreeMap<String, (Place, QueuedPod)>,
    /// Highest priority first, then oldest first.
    active: BTreeSet<(std::cmp::Reverse<i32>, Timestamp, String)>,
    /// Events that came while a Pod was being scheduled: it may have decided on old facts.
    in_flight_events: BTreeMap<String, Vec<ClusterEvent>>,
}

impl Queue {
    /// Takes in a new or changed Pod. Scheduling gates keep it out until they are gone (KEP-3521).
    pub fn update(&mut self, pod: Arc<Pod>, now: Timestamp) {
        let uid = uid_of(&pod);
        if gated(&pod) {
            self.remove(&uid);
            return;
        }
        let Some((place, mut queued)) = self.pods.get(&uid).cloned() else {
            let queued = QueuedPod { pod, attempts: 0, added: now, refused_by: Vec::new(), failed_at: now };
            self.put(uid, Place::Active, queued);
            return;
        };
        let changed = spec_or_labels_changed(&queued.pod, &pod);
        queued.pod = pod;
        let next = if place == Place::Unschedulable && changed { Place::Backoff } else { place };
        self.take(&uid);
        self.put(uid, next, queued);
    }

    /// Forgets a Pod: bound, finished or deleted.
    pub fn remove(&mut self, uid: &str) {
        self.take(uid);
        self.in_flight_events.remove(uid);
    }

    /// The next Pod to schedule; it is in flight until [`Queue::failed`] or [`Queue::remove`].
    pub fn pop(&mut self, now: Timestamp) -> Option<QueuedPod> {
        self.flush(now);
        let (_, _, uid) = self.active.first().cloned()?;
        let (_, mut queued) = self.take(&uid)?;
        queued.attempts += 1;
        self.in_flight_events.insert(uid.clone(), Vec::new());
        self.put(uid, Place::InFlight, queued.clone());
        Some(queued)
    }

    /// Whether the Pod that was popped is still the one to decide on: it may have been bound, deleted or gated meanwhile.
    pub fn is_in_flight(&self, uid: &str) -> bool {
        self.pods.get(uid).is_some_and(|(place, _)| *place == Place::InFlight)
    }

    /// The Pod could not be placed; `refused_by` names the plugins (none: an error, try again after back-off).
    pub fn failed(&mut self, uid: &str, refused_by: Vec<&'static str>, now: Timestamp) {
        let events = self.in_flight_events.remove(uid).unwrap_or_default();
        let Some((_, mut queued)) = self.take(uid) else { return };
        queued.failed_at = now;
        queued.refused_by = refused_by;
        let again = queued.refused_by.is_empty() || events.iter().any(|event| wakes(&queued, *event));
        self.put(uid.to_owned(), if again { Place::Backoff } else { Place::Unschedulable }, queued);
    }

    /// Something changed: Pods whose refusing plugins care go back to the line (after their back-off).
    pub fn happened(&mut self, event: ClusterEvent, now: Timestamp) {
        self.in_flight_events.values_mut().for_each(|events| events.push(event));
        let woken: Vec<String> = self
            .pods
            .iter()
            .filter(|(_, (place, queued))| *place == Place::Unschedulable && wakes(queued, event))
            .map(|(uid, _)| uid.clone())
            .collect();
        for uid in woken {
            if let Some((_, queued)) = self.take(&uid) {
                let place = if backoff_end(&queued) <= now { Place::Active } else { Place::Backoff };
                self.put(uid, place, queued);
            }
        }
    }

    /// When [`Queue::pop`] may have something it does not have now.
    pub fn next_wakeup(&self) -> Option<Timestamp> {
        self.pods
            .values()
            .filter_map(|(place, queued)| match place {
                Place::Backoff => Some(backoff_end(queued)),
                Place::Unschedulable => Some(queued.failed_at + UNSCHEDULABLE_MAX),
                Place::Active | Place::InFlight => None,
            })
            .min()
    }

    fn flush(&mut self, now: Timestamp) {
        let due: Vec<String> = self
            .pods
            .iter()
            .filter(|(_, (place, queued))| match place {
                Place::Backoff => backoff_end(queued) <= now,
                Place::Unschedulable => queued.failed_at + UNSCHEDULABLE_MAX <= now,
                Place::Active | Place::InFlight => false,
            })
            .map(|(uid, _)| uid.clone())
            .collect();
        for uid in due {
            if let Some((_, queued)) = self.take(&uid) {
                self.put(uid, Place::Active, queued);
            }
        }
    }

    fn put(&mut self, uid: String, place: Place, queued: QueuedPod) {
        if place == Place::Active {
            self.active.insert(rank(&queued, &uid));
        }
        self.pods.insert(uid, (place, queued));
    }

    fn take(&mut self, uid: &str) -> Option<(Place, QueuedPod)> {
        let (place, queued) = self.pods.remove(uid)?;
        self.active.remove(&rank(&queued, uid));
        Some((place, queued))
    }
}

fn rank(queued: &QueuedPod, uid: &str) -> (std::cmp::Reverse<i32>, Timestamp, String) {
    let priority = queued.pod.spec.as_ref().and_then(|spec| spec.priority).unwrap_or_default();
    (std::cmp::Reverse(priority), queued.added, uid.to_owned())
}

fn backoff_end(queued: &QueuedPod) -> Timestamp {
    let doublings = queued.attempts.saturating_sub(1).min(8);
    queued.failed_at + (BACKOFF_INITIAL * (1 << doublings)).min(BACKOFF_MAX)
}

fn wakes(queued: &QueuedPod, event: ClusterEvent) -> bool {
    queued.refused_by.iter().any(|name| plugins::find(name).is_none_or(|plugin| plugin.wakes_on.contains(&event)))
        // A cluster without nodes refuses in nobody's name.
        || event == ClusterEvent::NodeAdded
}

fn gated(pod: &Pod) -> bool {
    pod.spec.as_ref().and_then(|spec| spec.scheduling_gates.as_ref()).is_some_and(|gates| !gates.is_empty())
}

fn spec_or_labels_changed(old: &Pod, new: &Pod) -> bool {
    old.spec != new.spec || old.metadata.labels != new.metadata.labels
}

fn uid_of(pod: &Pod) -> String {
    pod.metadata.uid.clone().unwrap_or_default()
}

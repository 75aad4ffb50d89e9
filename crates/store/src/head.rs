//! The durable head: what readers see. Changed only by the committer, batch by batch, after the batch is on disk.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use imbl::OrdMap;
use tokio::sync::watch;

use crate::item::{Compacted, Event, Item, Revision};
use crate::ring::{Ring, RingLimits};

/// A resource's ring and the signal its watchers sleep on.
pub(crate) struct Resource<M> {
    pub(crate) ring: Ring<M>,
    /// Its newest event's revision: who has read that far need not take the lock to know.
    pub(crate) newest: Arc<AtomicU64>,
    pub(crate) signal: watch::Sender<Revision>,
}

/// Everything readers see, under one lock that is held for moments.
pub(crate) struct Head<M> {
    pub(crate) revision: Revision,
    pub(crate) items: OrdMap<Arc<str>, Arc<Item<M>>>,
    resources: BTreeMap<String, Resource<M>>,
    /// The newest revision, for those who wait for one that is still to come.
    pub(crate) advanced: watch::Sender<Revision>,
    floor: Revision,
    /// Resources whose lazily acknowledged events up to this revision may have been lost by an unclean end.
    lossy: (Vec<String>, Revision),
    limits: RingLimits,
}

/// Who is to be woken, and what for.
pub(crate) struct Signals {
    waiting: Vec<watch::Sender<Revision>>,
    revision: Revision,
}

impl Signals {
    pub(crate) fn give(self) {
        for signal in self.waiting {
            signal.send_replace(self.revision);
        }
    }
}

impl<M> Head<M> {
    pub(crate) fn new(floor: Revision, limits: RingLimits) -> Self {
        Self {
            revision: floor,
            items: OrdMap::new(),
            resources: BTreeMap::new(),
            advanced: watch::Sender::new(floor),
            floor,
            lossy: (Vec::new(), 0),
            limits,
        }
    }

    /// The ring of the resource that `key_or_prefix` lies in.
    pub(crate) fn resource(&mut self, key_or_prefix: &str) -> &mut Resource<M> {
        let name = resource_of(key_or_prefix);
        if !self.resources.contains_key(name) {
            let lossy = self.lossy.0.iter().any(|prefix| name.starts_with(prefix.as_str()));
            let floor = if lossy { self.lossy.1.max(self.floor) } else { self.floor };
            let (newest, signal) = (Arc::default(), watch::Sender::new(self.revision));
            let fresh = Resource { ring: Ring::new(floor), newest, signal };
            self.resources.insert(name.to_owned(), fresh);
        }
        self.resources.get_mut(name).expect("inserted above")
    }

    pub(crate) fn known(&self, key_or_prefix: &str) -> Option<&Resource<M>> {
        self.resources.get(resource_of(key_or_prefix))
    }

    /// Shows one durable event to readers.
    pub(crate) fn apply(&mut self, event: Arc<Event<M>>, now: i64) {
        match &event.current {
            Some(item) => self.items.insert(item.key.clone(), item.clone()),
            None => self.items.remove(event.key()),
        };
        self.revision = event.revision;
        let limits = self.limits;
        let (key, revision) = (event.key().clone(), event.revision);
        let resource = self.resource(&key);
        resource.ring.push(event, now, limits);
        resource.newest.store(revision, Ordering::Release);
    }

    /// Puts a recovered item in place without an event.
    pub(crate) fn restore(&mut self, key: Arc<str>, item: Option<Arc<Item<M>>>) {
        match item {
            Some(item) => self.items.insert(key, item),
            None => self.items.remove(&key),
        };
    }

    /// After an unclean end: watchers of these prefixes from before `revision` must list again.
    pub(crate) fn mark_lossy(&mut self, prefixes: &[String], revision: Revision) {
        self.lossy = (prefixes.to_vec(), revision);
        for (name, resource) in &mut self.resources {
            if prefixes.iter().any(|prefix| name.starts_with(prefix.as_str())) {
                resource.ring.raise_floor(revision);
            }
        }
    }

    /// The signals of those who wait for a revision, and of the watchers of every resource that was touched. They are given once the lock is
    /// free: whoever wakes wants it.
    pub(crate) fn signals(&self, touched: &[Arc<str>]) -> Signals {
        let mut waiting = vec![self.advanced.clone()];
        let mut last = "";
        for key in touched {
            let name = resource_of(key);
            if name != last {
                waiting.extend(self.resources.get(name).map(|resource| resource.signal.clone()));
                last = name;
            }
        }
        Signals { waiting, revision: self.revision }
    }

    /// The keys below `prefix` as they were at `revision`, by undoing later events.
    pub(crate) fn items_at(
        &self,
        prefix: &str,
        revision: Revision,
    ) -> Result<OrdMap<Arc<str>, Arc<Item<M>>>, Compacted> {
        if revision >= self.revision {
            return Ok(self.items.clone());
        }
        let Some(resource) = self.known(prefix) else {
            return if revision < self.floor { Err(Compacted { oldest: self.floor }) } else { Ok(self.items.clone()) };
        };
        let mut items = self.items.clone();
        for event in resource.ring.after(revision, usize::MAX)?.into_iter().rev() {
            match &event.previous {
                Some(previous) => items.insert(previous.key.clone(), previous.clone()),
                None => items.remove(event.key()),
            };
        }
        Ok(items)
    }
}

/// `/registry/pods/default/web` and `/registry/pods/` both lie in `/registry/pods/`; `/registry/services/specs/...` in its own.
fn resource_of(key: &str) -> &str {
    let mut slashes = key.match_indices('/').map(|(at, _)| at).skip(2);
    let Some(end) = slashes.next() else { return key };
    let name = &key[..=end];
    // Two-part storage names: services/specs, services/endpoints, and custom resources' group/plural.
    let first = name.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    if first == "services" || first.contains('.') {
        return slashes.next().map_or(key, |end| &key[..=end]);
    }
    name
}

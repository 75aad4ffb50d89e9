//! What the informers must have seen before a key is worked on again: our own writes, or, where an answer was lost, the
//! revision of a consistent list taken afterwards.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::informer::Informer;
use crate::resource::{Object, ObjectKey, ResourceType};
use crate::rest::Rest;

/// One thing to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// A write of ours (of this object, where the answer named it) got this revision.
    Revision(ResourceType, Option<ObjectKey>, u64),
    /// We deleted this object: it is gone or marked.
    Deleted(ResourceType, ObjectKey, String),
    /// No answer came: whatever happened, happened before a list taken now.
    Unknown(ResourceType, String),
}

type Wait<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// An informer, whatever its type.
pub(super) trait Tracker: Send + Sync {
    fn synced(&self) -> Wait<'_>;
    fn revision(&self, revision: u64) -> Wait<'_>;
    fn deleted<'a>(&'a self, key: &'a ObjectKey, uid: &'a str) -> Wait<'a>;
}

impl<K: Object> Tracker for Informer<K> {
    fn synced(&self) -> Wait<'_> {
        Box::pin(self.wait_synced())
    }
    fn revision(&self, revision: u64) -> Wait<'_> {
        Box::pin(self.wait_revision(revision))
    }
    fn deleted<'a>(&'a self, key: &'a ObjectKey, uid: &'a str) -> Wait<'a> {
        Box::pin(self.wait_deleting(key, uid))
    }
}

/// The informers of a controller, by resource.
#[derive(Clone, Default)]
pub(super) struct Trackers(pub BTreeMap<ResourceType, Arc<dyn Tracker>>);

/// As long as upstream's expectations live.
const DEADLINE: Duration = Duration::from_secs(5 * 60);

impl Trackers {
    pub async fn synced(&self) {
        for tracker in self.0.values() {
            tracker.synced().await;
        }
    }

    /// Waits until all of `seen` has come true; after the deadline it goes on and says so.
    pub async fn hold(&self, controller: &str, rest: &Rest, seen: &[Seen]) {
        let all = async {
            for one in seen {
                self.wait(rest, one).await;
            }
        };
        if tokio::time::timeout(DEADLINE, all).await.is_err() {
            tracing::warn!(controller, ?seen, "the informers have not caught up with our writes; going on");
        }
    }

    async fn wait(&self, rest: &Rest, seen: &Seen) {
        match seen {
            Seen::Revision(resource, _, revision) => {
                if let Some(tracker) = self.0.get(resource) {
                    tracker.revision(*revision).await;
                }
            }
            Seen::Deleted(resource, key, uid) => {
                if let Some(tracker) = self.0.get(resource) {
                    tracker.deleted(key, uid).await;
                }
            }
            Seen::Unknown(resource, namespace) => {
                if let Some(tracker) = self.0.get(resource) {
                    tracker.revision(list_revision(rest, resource, namespace).await).await;
                }
            }
        }
    }
}

/// Asks until the server answers; the caller sets the deadline.
async fn list_revision(rest: &Rest, resource: &ResourceType, namespace: &str) -> u64 {
    let mut delay = Duration::from_millis(50);
    loop {
        match rest.revision(resource, namespace).await {
            Ok(revision) => return revision,
            Err(error) => tracing::debug!(%resource, %error, "asking for the revision to reach"),
        }
        tokio::time::sleep(delay).await;
        delay = (delay * 2).min(Duration::from_secs(5));
    }
}

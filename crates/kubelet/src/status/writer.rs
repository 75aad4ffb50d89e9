//! Writes Pod statuses: the newest wins, one write per Pod at a time, nothing is sent when nothing changed.

use std::collections::HashMap;
use std::sync::Arc;

use client::{ObjectKey, PatchKind, ResourceType, Rest, WorkQueue};
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::patch::status_patch;

/// How many statuses are written at once.
pub const WRITERS: usize = 4;

struct Entry {
    key: ObjectKey,
    /// What the API server last said it has.
    known: PodStatus,
    wanted: PodStatus,
    /// Counts what was asked for and what was written.
    asked: u64,
    written: watch::Sender<u64>,
}

/// A shared handle; `run` does the work.
#[derive(Clone)]
pub struct StatusWriter {
    rest: Rest,
    queue: WorkQueue<String>,
    entries: Arc<Mutex<HashMap<String, Entry>>>,
}

impl StatusWriter {
    pub fn new(rest: Rest) -> Self {
        Self { rest, queue: WorkQueue::default(), entries: Arc::default() }
    }

    /// Asks for a status to be written some time soon.
    pub fn set(&self, pod: &Pod, status: PodStatus) {
        let Some(uid) = pod.metadata.uid.clone() else { return };
        let mut entries = self.entries.lock();
        let entry = entries.entry(uid.clone()).or_insert_with(|| Entry {
            key: ObjectKey::of(&pod.metadata),
            known: pod.status.clone().unwrap_or_default(),
            wanted: PodStatus::default(),
            asked: 0,
            written: watch::Sender::new(0),
        });
        if entry.asked == 0 || entry.wanted != status {
            entry.wanted = status;
            entry.asked += 1;
            drop(entries);
            self.queue.add(uid);
        }
    }

    /// Waits until everything asked for so far is written (or the Pod is gone from the API).
    pub async fn flush(&self, uid: &str) {
        let waiting = self.entries.lock().get(uid).map(|entry| (entry.asked, entry.written.subscribe()));
        if let Some((asked, mut written)) = waiting {
            // The sender is dropped when the Pod is forgotten: nothing is left to wait for.
            if written.wait_for(|count| *count >= asked).await.is_err() {
                tracing::debug!(uid, "status entry was dropped while waiting for it");
            }
        }
    }

    /// The status last asked for.
    pub fn wanted(&self, uid: &str) -> Option<PodStatus> {
        self.entries.lock().get(uid).map(|entry| entry.wanted.clone())
    }

    pub fn forget(&self, uid: &str) {
        self.entries.lock().remove(uid);
    }

    /// Writes for ever; several may run.
    pub async fn run(self) {
        loop {
            let uid = self.queue.get().await;
            match self.write(&uid).await {
                Ok(()) => self.queue.forget(&uid),
                Err(error) => {
                    tracing::warn!(%uid, %error, "pod status not written");
                    self.queue.add_rate_limited(uid.clone());
                }
            }
            self.queue.done(&uid);
        }
    }

    async fn write(&self, uid: &str) -> client::Result<()> {
        let next = self.entries.lock().get(uid).map(|entry| {
            (entry.key.clone(), entry.asked, entry.wanted.clone(), status_patch(uid, &entry.known, &entry.wanted))
        });
        let Some((key, asked, wanted, patch)) = next else { return Ok(()) };
        let mut known = None;
        if let Some(patch) = patch {
            let resource = ResourceType::of::<Pod>();
            match self.rest.patch(&resource, &key, Some("status"), (PatchKind::Strategic, &patch)).await {
                Ok(_) => known = Some(wanted),
                Err(error) if error.is_not_found() => tracing::debug!(%key, "pod is gone, its status is not written"),
                // Another Pod has the name by now: there is nobody to report about.
                Err(error) if error.is_conflict() && !self.is_present(&key, uid).await? => {
                    tracing::debug!(%key, %error, "pod is gone, its status is not written");
                }
                Err(error) => return Err(error),
            }
        }
        if let Some(entry) = self.entries.lock().get_mut(uid) {
            if let Some(known) = known {
                entry.known = known;
            }
            entry.written.send_replace(asked);
        }
        Ok(())
    }

    async fn is_present(&self, key: &ObjectKey, uid: &str) -> client::Result<bool> {
        let found = self.rest.find(&ResourceType::of::<Pod>(), key).await?;
        Ok(found.is_some_and(|pod| pod["metadata"]["uid"] == uid))
    }
}

//! The records the edge answers from: shared, and on disk, so that a new process answers before it has seen the API server.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::dns::Records;
use crate::error::NetworkError;
use crate::pods::replace_file;

/// Changes within this time are written together.
const WRITE_PAUSE: Duration = Duration::from_millis(500);

/// The shared records.
pub struct State {
    path: PathBuf,
    records: Mutex<Arc<Records>>,
    changed: Notify,
    /// Whether there is a last known state, or the API server has been seen.
    known: tokio::sync::watch::Sender<bool>,
}

impl State {
    /// Reads what an earlier process left; a file that does not read is reported and started over.
    pub fn load(data_dir: &Path) -> Result<Self, NetworkError> {
        let directory = data_dir.join("edge");
        std::fs::create_dir_all(&directory).map_err(NetworkError::file("create directory", &directory))?;
        let path = directory.join("state.json");
        let records = match std::fs::read(&path) {
            Ok(bytes) => Records::from_json(&bytes)
                .inspect_err(|error| {
                    tracing::warn!(path = %path.display(), %error, "the last known state does not read; starting without");
                })
                .ok(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(NetworkError::file("read", &path)(error)),
        };
        let known = tokio::sync::watch::Sender::new(records.is_some());
        let records = Mutex::new(Arc::new(records.unwrap_or_default()));
        Ok(Self { path, records, changed: Notify::new(), known })
    }

    /// All that the API server has is here.
    pub fn mark_known(&self) {
        self.known.send_replace(true);
    }

    /// Until there is something to answer from: who knows nothing must not say that a name does not exist.
    pub async fn wait_known(&self) {
        // The sender lives as long as this.
        let (Ok(_) | Err(_)) = self.known.subscribe().wait_for(|known| *known).await;
    }

    /// What is known now.
    pub fn records(&self) -> Arc<Records> {
        self.records.lock().clone()
    }

    /// Changes what is known, and has it written.
    pub fn change(&self, change: impl FnOnce(&mut Records)) {
        let mut records = self.records.lock();
        change(Arc::make_mut(&mut records));
        self.changed.notify_one();
    }

    /// Writes changes to disk, for ever.
    pub async fn keep(&self) {
        loop {
            self.changed.notified().await;
            tokio::time::sleep(WRITE_PAUSE).await;
            if let Err(error) = self.write() {
                tracing::error!(%error, "cannot write the last known state; a restart without the API server will not know it");
            }
        }
    }

    /// Writes what is known to disk.
    pub fn write(&self) -> Result<(), NetworkError> {
        let bytes = serde_json::to_vec(&*self.records()).expect("records are plain data");
        replace_file(&self.path, &bytes).map_err(NetworkError::file("write", &self.path))
    }
}

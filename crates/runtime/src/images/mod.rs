//! Images: pulled from registries or imported from files, verified, unpacked once per layer, named, listed, removed.

pub mod archive;
pub mod digest;
pub mod layer;
pub mod manifest;
pub mod pull;
pub mod records;
pub mod reference;
pub mod registries;
pub mod registry;
pub mod snapshots;
mod transport;
pub mod tree;

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::RwLock;

use digest::Digest;
use manifest::Platform;
use records::{Record, Records};
use registries::Registries;
use snapshots::Snapshots;

#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    #[error(transparent)]
    Reference(#[from] reference::InvalidReference),
    #[error(transparent)]
    Platform(#[from] manifest::NoPlatform),
    #[error(transparent)]
    Registry(#[from] registry::RegistryError),
    #[error(transparent)]
    Layer(#[from] layer::LayerError),
    #[error("{what} has digest {found}, expected {expected}")]
    WrongDigest { what: &'static str, expected: Digest, found: Digest },
    #[error("{what} is not what an image has: {reason}")]
    Malformed { what: String, reason: String },
    #[error("layer {0} is not unpacked")]
    MissingLayer(Digest),
    #[error("image {0:?} not found")]
    NotFound(String),
    #[error("decompress layer")]
    Decompress(#[source] io::Error),
    #[error("read archive {path:?}")]
    Archive { path: PathBuf, source: io::Error },
    #[error("image store")]
    Store(#[source] io::Error),
    /// The failure of a pull that several callers waited for.
    #[error("{0}")]
    Shared(Arc<ImageError>),
}

/// All images of a node. Cheap to clone.
#[derive(Clone)]
pub struct Images(Arc<Inner>);

struct Inner {
    root: PathBuf,
    records: Records,
    snapshots: Snapshots,
    registry: registry::Client,
    platform: Platform,
    /// Readers add or use layers; the writer removes those that nothing names.
    in_use: RwLock<()>,
    pulls: Mutex<HashMap<pull::Key, pull::Running>>,
    /// One task unpacks a layer; others that want it wait here.
    unpacking: Mutex<HashMap<Digest, Arc<tokio::sync::Mutex<()>>>>,
}

impl Images {
    pub fn open(data_dir: &Path, registries: Registries) -> io::Result<Self> {
        let downloads = data_dir.join("downloads");
        // Downloads are of one process only: what is there is what a crash left.
        match std::fs::remove_dir_all(&downloads) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => std::fs::create_dir_all(&downloads)?,
        }
        Ok(Self(Arc::new(Inner {
            root: data_dir.to_owned(),
            records: Records::open(data_dir.join("images"))?,
            snapshots: Snapshots::open(data_dir.join("snapshots"))?,
            registry: registry::Client::new(registries),
            platform: Platform::host(),
            in_use: RwLock::new(()),
            pulls: Mutex::default(),
            unpacking: Mutex::default(),
        })))
    }

    pub fn list(&self) -> Vec<Record> {
        self.0.records.list()
    }

    pub fn find(&self, name: &str) -> Option<Record> {
        self.0.records.find(name)
    }

    pub fn snapshots(&self) -> &Snapshots {
        &self.0.snapshots
    }

    /// Where the layers are, for file system statistics.
    pub fn root(&self) -> &Path {
        self.0.snapshots.root()
    }

    fn downloads(&self) -> PathBuf {
        self.0.root.join("downloads")
    }

    /// Held while a container that uses an image is being recorded.
    pub async fn hold(&self) -> tokio::sync::RwLockReadGuard<'_, ()> {
        self.0.in_use.read().await
    }

    /// Removes an image with all its names, then the layers that neither an image nor one of `stacks` (the containers') uses.
    pub async fn remove(&self, name: &str, stacks: impl FnOnce() -> BTreeSet<Digest>) -> Result<(), ImageError> {
        let Some(record) = self.find(name) else {
            return Ok(());
        };
        self.0.records.remove(&record.id).map_err(ImageError::Store)?;
        self.collect(stacks).await
    }

    /// Removes layers that nothing uses.
    pub async fn collect(&self, stacks: impl FnOnce() -> BTreeSet<Digest>) -> Result<(), ImageError> {
        let _alone = self.0.in_use.write().await;
        let mut tops = stacks();
        tops.extend(self.list().iter().filter_map(Record::top));
        let images = self.clone();
        let freed = blocking(move || images.0.snapshots.retain(&tops).map_err(ImageError::Store)).await?;
        tracing::debug!(freed, "unused layers removed");
        Ok(())
    }

    fn unpacking(&self, chain: &Digest) -> Arc<tokio::sync::Mutex<()>> {
        let mut unpacking = self.0.unpacking.lock();
        unpacking.retain(|_, lock| Arc::strong_count(lock) > 1);
        unpacking.entry(chain.clone()).or_default().clone()
    }
}

/// Runs what blocks on the pool for that. A panic inside goes on outside.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

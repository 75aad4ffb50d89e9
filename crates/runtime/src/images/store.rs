//! The images of this node: records in one file written atomically, layers unpacked once each, pulls that coalesce.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use oci_client::manifest::OciDescriptor;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::record::{ImageRecord, read_config};
use super::registry::{Mirrors, PullAuth, Resolved, resolve};
use super::unpack::{hex, unpack};
use super::{ImageError, ImageName};

/// A handle on the node's images; cheap to clone.
#[derive(Clone)]
pub struct ImageStore {
    inner: Arc<Inner>,
}

struct Inner {
    root: PathBuf,
    mirrors: Mirrors,
    records: Mutex<BTreeMap<String, ImageRecord>>,
    /// One lock per image name or layer that is being made.
    making: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl ImageStore {
    /// Opens the images below `root` (`DATA_DIR/images`) and removes what a crash left half-made.
    pub fn open(root: &Path, mirrors: Mirrors) -> Result<Self, ImageError> {
        for folder in ["layers", "unfinished"] {
            let path = root.join(folder);
            fs::create_dir_all(&path).map_err(ImageError::io(&path))?;
        }
        let unfinished = root.join("unfinished");
        for entry in fs::read_dir(&unfinished).map_err(ImageError::io(&unfinished))?.flatten() {
            let removed =
                if entry.path().is_dir() { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) };
            removed.map_err(ImageError::io(entry.path()))?;
        }
        let file = root.join("images.json");
        let records = match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| ImageError::Malformed {
                what: file.display().to_string(),
                detail: error.to_string(),
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(ImageError::io(&file)(error)),
        };
        let inner = Inner { root: root.to_owned(), mirrors, records: Mutex::new(records), making: Mutex::default() };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// All images.
    pub fn list(&self) -> Vec<ImageRecord> {
        self.inner.records.lock().values().cloned().collect()
    }

    /// An image by id, by a unique part of it, or by any form of its name.
    pub fn get(&self, name: &str) -> Option<ImageRecord> {
        let records = self.inner.records.lock();
        if let Some(record) = records.get(name).or_else(|| records.get(&format!("sha256:{name}"))) {
            return Some(record.clone());
        }
        let parsed = ImageName::parse(name).ok()?;
        let full = parsed.to_string();
        records.values().find(|record| record.repo_tags.contains(&full) || record.repo_digests.contains(&full)).cloned()
    }

    /// Bytes used by unpacked layers and the inodes they take.
    pub fn usage(&self) -> (u64, u64) {
        usage_of(&self.inner.root.join("layers"))
    }

    /// The folder whose filesystem holds images.
    pub fn root(&self) -> &Path {
        &self.inner.root
    }

    /// The unpacked layers of an image, lowest first.
    pub fn layers(&self, record: &ImageRecord) -> Vec<PathBuf> {
        record.diff_ids.iter().map(|diff_id| self.layer(diff_id)).collect()
    }

    /// Makes the image be here as the registry has it now.
    pub async fn pull(&self, name: &str, auth: &PullAuth) -> Result<ImageRecord, ImageError> {
        let name = ImageName::parse(name)?;
        let lock = self.making(&name.to_string());
        let _alone = lock.lock().await;
        let resolved = resolve(&name, &self.inner.mirrors, auth).await?;
        let bytes = resolved.blob(&name, &resolved.config).await?;
        check_digest("image configuration", &resolved.config.digest, &digest(&bytes))?;
        let (diff_ids, config) = read_config(&name.to_string(), &bytes)?;
        if diff_ids.len() != resolved.layers.len() {
            let detail =
                format!("{} layers in the manifest, {} in the configuration", resolved.layers.len(), diff_ids.len());
            return Err(ImageError::Malformed { what: name.to_string(), detail });
        }
        let pulls = resolved
            .layers
            .iter()
            .zip(&diff_ids)
            .map(|(layer, diff_id)| self.pull_layer(&name, &resolved, layer, diff_id));
        futures::future::try_join_all(pulls).await?;
        let size = resolved.layers.iter().map(|layer| layer.size).sum::<i64>() + resolved.config.size;
        let record = ImageRecord {
            id: resolved.config.digest.clone(),
            repo_tags: name.tagged().into_iter().collect(),
            repo_digests: vec![name.with_digest(&resolved.digest)],
            size: u64::try_from(size).unwrap_or_default(),
            diff_ids,
            config,
            pinned: false,
        };
        self.put(record)
    }

    /// Takes a name away from an image, or, given its id, the image itself. Layers that nothing needs go with it.
    pub fn remove(&self, name: &str) -> Result<(), ImageError> {
        let Some(found) = self.get(name) else { return Ok(()) };
        let mut records = self.inner.records.lock();
        let by_id = found.id == name || found.id == format!("sha256:{name}");
        let full = ImageName::parse(name).map(|parsed| parsed.to_string()).unwrap_or_default();
        if let Some(record) = records.get_mut(&found.id) {
            record.repo_tags.retain(|tag| *tag != full);
            record.repo_digests.retain(|digest| *digest != full);
            if by_id || record.repo_tags.is_empty() {
                records.remove(&found.id);
            }
        }
        self.save(&records)?;
        for diff_id in &found.diff_ids {
            if !records.values().any(|record| record.diff_ids.contains(diff_id)) {
                let path = self.layer(diff_id);
                fs::remove_dir_all(&path).map_err(ImageError::io(&path))?;
            }
        }
        Ok(())
    }

    /// Unpacks a layer file as `diff_id` unless it is there.
    pub(super) fn add_layer(&self, file: &Path, diff_id: &str) -> Result<(), ImageError> {
        let done = self.layer(diff_id);
        if done.exists() {
            return Ok(());
        }
        let folder = self.unfinished(&format!("layer-{}", short(diff_id)));
        fs::create_dir_all(&folder).map_err(ImageError::io(&folder))?;
        let found = unpack(file, &folder).map_err(|source| ImageError::Unpack { diff_id: diff_id.to_owned(), source });
        let checked = found.and_then(|found| check_digest("unpacked layer", diff_id, &found));
        if let Err(error) = checked {
            fs::remove_dir_all(&folder).map_err(ImageError::io(&folder))?;
            return Err(error);
        }
        fs::rename(&folder, &done).map_err(ImageError::io(&done))
    }

    /// Books an image; names it takes over are taken from whoever had them.
    pub(super) fn put(&self, mut record: ImageRecord) -> Result<ImageRecord, ImageError> {
        let mut records = self.inner.records.lock();
        for other in records.values_mut() {
            other.repo_tags.retain(|tag| !record.repo_tags.contains(tag));
        }
        if let Some(known) = records.get(&record.id) {
            merge(&mut record.repo_tags, &known.repo_tags);
            merge(&mut record.repo_digests, &known.repo_digests);
            record.pinned |= known.pinned;
        }
        records.insert(record.id.clone(), record.clone());
        self.save(&records)?;
        Ok(record)
    }

    pub(super) fn unfinished(&self, name: &str) -> PathBuf {
        self.inner.root.join("unfinished").join(name)
    }

    async fn pull_layer(
        &self,
        name: &ImageName,
        resolved: &Resolved,
        layer: &OciDescriptor,
        diff_id: &str,
    ) -> Result<(), ImageError> {
        let lock = self.making(diff_id);
        let _alone = lock.lock().await;
        if self.layer(diff_id).exists() {
            return Ok(());
        }
        let path = self.unfinished(&format!("blob-{}", short(diff_id)));
        let mut file = tokio::fs::File::create(&path).await.map_err(ImageError::io(&path))?;
        resolved.download(name, layer, &mut file).await?;
        drop(file);
        let (store, wanted, diff_id) = (self.clone(), layer.digest.clone(), diff_id.to_owned());
        let unpacked = tokio::task::spawn_blocking(move || {
            let result = digest_of_file(&path)
                .map_err(ImageError::io(&path))
                .and_then(|found| check_digest("layer", &wanted, &found))
                .and_then(|()| store.add_layer(&path, &diff_id));
            let removed = fs::remove_file(&path).map_err(ImageError::io(&path));
            result.and(removed)
        });
        unpacked.await.unwrap_or_else(|error| {
            Err(ImageError::Malformed { what: "unpacking".to_owned(), detail: error.to_string() })
        })
    }

    fn layer(&self, diff_id: &str) -> PathBuf {
        self.inner.root.join("layers").join(short(diff_id))
    }

    fn making(&self, what: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut making = self.inner.making.lock();
        making.retain(|_, lock| Arc::strong_count(lock) > 1);
        making.entry(what.to_owned()).or_default().clone()
    }

    fn save(&self, records: &BTreeMap<String, ImageRecord>) -> Result<(), ImageError> {
        let path = self.inner.root.join("images.json");
        let bytes = serde_json::to_vec(records).expect("records are plain data");
        crate::durable::write(&path, &bytes).map_err(ImageError::io(&path))
    }
}

/// The part of a digest that names a folder.
fn short(digest: &str) -> &str {
    digest.trim_start_matches("sha256:")
}

fn merge(into: &mut Vec<String>, from: &[String]) {
    let missing: Vec<String> = from.iter().filter(|name| !into.contains(name)).cloned().collect();
    into.extend(missing);
}

pub(super) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

fn digest_of_file(path: &Path) -> io::Result<String> {
    let mut file = fs::File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(format!("sha256:{}", hex(&hasher.finalize())));
        }
        hasher.update(&buffer[..read]);
    }
}

pub(super) fn check_digest(what: &str, expected: &str, found: &str) -> Result<(), ImageError> {
    if expected == found {
        return Ok(());
    }
    Err(ImageError::Digest { what: what.to_owned(), expected: expected.to_owned(), found: found.to_owned() })
}

fn usage_of(folder: &Path) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    let Ok(entries) = fs::read_dir(folder) else { return (0, 0) };
    entries.flatten().fold((0, 0), |(bytes, inodes), entry| {
        let Ok(metadata) = entry.metadata() else { return (bytes, inodes) };
        let below = if metadata.is_dir() { usage_of(&entry.path()) } else { (0, 0) };
        (bytes + metadata.blocks() * 512 + below.0, inodes + 1 + below.1)
    })
}

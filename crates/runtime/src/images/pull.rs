//! Pulling an image: manifest, platform, config, then the layers, three downloads at a time while those that are there are unpacked
//! in order. Callers that want the same image with the same credentials wait for one pull, which goes on if they go away.

#![expect(clippy::disallowed_methods, reason = "this file is a seam to the outside")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, Shared};
use futures::stream::{self, StreamExt};
use http_body_util::BodyExt;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

use super::archive::{check, parse};
use super::digest::{Digest, Hasher, chain_id};
use super::manifest::{Descriptor, Document, Image, choose};
use super::records::Record;
use super::reference::{Reference, Version};
use super::registries::Credentials;
use super::registry::{RegistryError, Repository};
use super::{ImageError, Images, blocking};

const DOWNLOADS_AT_ONCE: usize = 3;
/// A download without a byte for so long is given up.
const STALL_TIMEOUT: Duration = Duration::from_secs(60);

pub type Key = (Reference, Option<Credentials>);
pub type Running = Shared<BoxFuture<'static, Result<Record, Arc<ImageError>>>>;

/// A layer's place in its stack.
struct Step {
    parent: Option<Digest>,
    chain: Digest,
    diff_id: Digest,
}

type Fetched = (Step, Option<(std::fs::File, tokio::sync::OwnedMutexGuard<()>)>);

impl Images {
    /// Pulls by name.
    pub async fn pull(&self, name: &str, credentials: Option<Credentials>) -> Result<Record, ImageError> {
        let reference = Reference::parse(name)?;
        let key = (reference, credentials);
        let running = self.0.pulls.lock().entry(key.clone()).or_insert_with(|| self.start_pull(key)).clone();
        running.await.map_err(ImageError::Shared)
    }

    fn start_pull(&self, key: Key) -> Running {
        let images = self.clone();
        let task = tokio::spawn(async move {
            let outcome = images.pull_now(&key.0, key.1.as_ref()).await.map_err(Arc::new);
            images.0.pulls.lock().remove(&key);
            outcome
        });
        async move {
            match task.await {
                Ok(outcome) => outcome,
                Err(error) => Err(Arc::new(ImageError::Store(std::io::Error::other(error)))),
            }
        }
        .boxed()
        .shared()
    }

    async fn pull_now(&self, reference: &Reference, credentials: Option<&Credentials>) -> Result<Record, ImageError> {
        let _held = self.hold().await;
        let (repository, manifest) = self.0.registry.resolve(reference, credentials).await?;
        if let Version::Digest(expected) = &reference.version {
            check(&manifest.bytes, expected, "manifest")?;
        }
        let named = manifest.digest.clone();
        let mut document: Document = parse(&manifest.bytes, "the manifest")?;
        if document.schema_version == 1 {
            let reason =
                "it is in Docker's schema 1, which registries have given up; push it again with a newer client"
                    .to_owned();
            return Err(ImageError::Malformed { what: reference.to_string(), reason });
        }
        if document.config.is_none() {
            let chosen = choose(&document.manifests, &self.0.platform)?;
            let manifest = repository.manifest(chosen.digest.as_str()).await?;
            check(&manifest.bytes, &chosen.digest, "manifest")?;
            document = parse(&manifest.bytes, "the manifest")?;
        }
        let missing = |reason: &str| ImageError::Malformed { what: reference.to_string(), reason: reason.to_owned() };
        let config = document.config.as_ref().ok_or_else(|| missing("a manifest without a config"))?;
        let config_bytes = repository.blob(&config.digest).await?;
        check(&config_bytes, &config.digest, "config")?;
        let image: Image = parse(&config_bytes, "the image config")?;
        image.check_platform(&self.0.platform)?;
        if image.rootfs.diff_ids.len() != document.layers.len() {
            return Err(missing("its config and manifest disagree on the number of layers"));
        }
        let top = self.layers(&repository, &document.layers, &image.rootfs.diff_ids).await?;
        let record = Record {
            id: config.digest.clone(),
            tags: reference.tag().map(|_| reference.to_string()).into_iter().collect(),
            digests: [reference.at(&named).to_string()].into(),
            bytes: top.map_or(0, |top| self.0.snapshots.bytes(&top)) + config_bytes.len() as u64,
            diff_ids: image.rootfs.diff_ids,
            pinned: false,
            config: image.config,
        };
        self.0.records.add(record).map_err(ImageError::Store)
    }

    async fn layers(
        &self,
        repository: &Repository<'_>,
        layers: &[Descriptor],
        diff_ids: &[Digest],
    ) -> Result<Option<Digest>, ImageError> {
        let mut steps = Vec::new();
        let mut parent: Option<Digest> = None;
        for (layer, diff_id) in layers.iter().zip(diff_ids) {
            let chain = chain_id(parent.as_ref(), diff_id);
            let parent = parent.replace(chain.clone());
            steps.push(self.fetch(repository, layer.clone(), Step { parent, chain, diff_id: diff_id.clone() }));
        }
        let mut fetched = stream::iter(steps).buffered(DOWNLOADS_AT_ONCE);
        while let Some(step) = fetched.next().await {
            let (step, downloaded) = step?;
            let Some((file, _lock)) = downloaded else { continue };
            let images = self.clone();
            let unpack = move || {
                let file = std::io::BufReader::with_capacity(1 << 18, file);
                images.0.snapshots.unpack(file, step.parent.as_ref(), &step.diff_id)
            };
            blocking(unpack).await?;
        }
        drop(fetched);
        Ok(parent)
    }

    /// Downloads a layer where it is not here yet, and no other pull is at it: the lock is held until it is unpacked.
    async fn fetch(&self, repository: &Repository<'_>, layer: Descriptor, step: Step) -> Result<Fetched, ImageError> {
        let lock = self.unpacking(&step.chain).lock_owned().await;
        if self.0.snapshots.contains(&step.chain) {
            return Ok((step, None));
        }
        let file = self.download(repository, &layer).await?;
        Ok((step, Some((file, lock))))
    }

    /// Downloads a blob into a file without a name, checking its digest.
    async fn download(&self, repository: &Repository<'_>, layer: &Descriptor) -> Result<std::fs::File, ImageError> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let path = self.downloads().join(format!("layer-{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
        let mut options = tokio::fs::OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).open(&path).await.map_err(ImageError::Store)?;
        tokio::fs::remove_file(&path).await.map_err(ImageError::Store)?;
        let mut file = tokio::io::BufWriter::with_capacity(1 << 18, file);
        let mut body = repository.stream(&layer.digest).await?;
        let mut hasher = Hasher::like(&layer.digest);
        let failed = |reason: String| RegistryError::Protocol { url: layer.digest.to_string(), reason };
        loop {
            let frame = match tokio::time::timeout(STALL_TIMEOUT, body.frame()).await {
                Err(_) => return Err(failed(format!("no byte within {} s", STALL_TIMEOUT.as_secs())).into()),
                Ok(None) => break,
                Ok(Some(frame)) => frame.map_err(|error| failed(super::transport::root_cause(&error)))?,
            };
            if let Ok(bytes) = frame.into_data() {
                hasher.update(&bytes);
                file.write_all(&bytes).await.map_err(ImageError::Store)?;
            }
        }
        let found = hasher.finish();
        if found != layer.digest {
            return Err(ImageError::WrongDigest { what: "layer", expected: layer.digest.clone(), found });
        }
        file.flush().await.map_err(ImageError::Store)?;
        let mut file = file.into_inner();
        file.rewind().await.map_err(ImageError::Store)?;
        Ok(file.into_std().await)
    }
}

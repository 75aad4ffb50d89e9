//! Images from a file: what `docker save` writes (manifest.json) and OCI image layouts (index.json) in a tar, compressed or not.
//! A file may hold several images.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Deserialize;

use super::digest::Digest;
use super::manifest::{Descriptor, Document, Image, Platform, choose};
use super::records::Record;
use super::reference::Reference;
use super::{ImageError, Images, blocking, snapshots, tree};

/// Names of an image in an OCI layout, whole or a mere tag.
const NAME_ANNOTATIONS: [&str; 2] = ["io.containerd.image.name", "org.opencontainers.image.ref.name"];

/// An image found in an archive: its config and where its layers lie.
struct Found {
    config: Vec<u8>,
    layers: Vec<PathBuf>,
    tags: Vec<String>,
    manifest: Option<Digest>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerEntry {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Vec<String>,
}

impl Images {
    /// Imports every image of an archive; gives their records. A pinned image is never garbage to the kubelet.
    pub async fn import(&self, archive: &Path, pinned: bool) -> Result<Vec<Record>, ImageError> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let _held = self.hold().await;
        let directory = self.downloads().join(format!("import-{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
        let (images, archive) = (self.clone(), archive.to_owned());
        blocking(move || {
            let outcome = images.import_into(&archive, &directory, pinned);
            if let Err(error) = fs::remove_dir_all(&directory) {
                tracing::warn!(%error, directory = %directory.display(), "import directory not removed");
            }
            outcome
        })
        .await
    }

    fn import_into(&self, archive: &Path, directory: &Path, pinned: bool) -> Result<Vec<Record>, ImageError> {
        let unreadable = |source| ImageError::Archive { path: archive.to_owned(), source };
        extract(archive, directory).map_err(unreadable)?;
        let found = if directory.join("manifest.json").exists() {
            docker_images(directory)?
        } else if directory.join("index.json").exists() {
            layout_images(directory, &self.0.platform)?
        } else {
            return Err(malformed(archive, "it has neither manifest.json nor index.json"));
        };
        found.into_iter().map(|image| self.import_one(image, pinned)).collect()
    }

    fn import_one(&self, found: Found, pinned: bool) -> Result<Record, ImageError> {
        let id = Digest::of(&found.config);
        let image: Image = parse(&found.config, "the image config")?;
        image.check_platform(&self.0.platform)?;
        if image.rootfs.diff_ids.len() != found.layers.len() {
            return Err(malformed(Path::new(id.as_str()), "its config and manifest disagree on the number of layers"));
        }
        let mut top = None;
        for (diff_id, path) in image.rootfs.diff_ids.iter().zip(&found.layers) {
            let layer = fs::File::open(path).map_err(|source| ImageError::Archive { path: path.clone(), source })?;
            top = Some(self.0.snapshots.unpack(io::BufReader::new(layer), top.as_ref(), diff_id)?);
        }
        let references = found.tags.iter().map(|tag| Reference::parse(tag)).collect::<Result<Vec<_>, _>>()?;
        let digests = match &found.manifest {
            Some(manifest) => references.iter().map(|reference| reference.at(manifest).to_string()).collect(),
            None => BTreeSet::new(),
        };
        let record = Record {
            bytes: top.as_ref().map_or(0, |top| self.0.snapshots.bytes(top)) + found.config.len() as u64,
            id,
            tags: references.iter().map(Reference::to_string).collect(),
            digests,
            diff_ids: image.rootfs.diff_ids,
            pinned,
            config: image.config,
        };
        self.0.records.add(record).map_err(ImageError::Store)
    }
}

/// Unpacks regular files and links (old `docker save` links equal layers) below `directory`.
fn extract(archive: &Path, directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let file = snapshots::decompress(io::BufReader::new(fs::File::open(archive)?))?;
    for entry in tar::Archive::new(file).entries()? {
        let mut entry = entry?;
        let to = directory.join(tree::clean(&entry.path_bytes()));
        let kind = entry.header().entry_type();
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)?;
        }
        if kind.is_file() {
            io::copy(&mut entry, &mut fs::File::create(&to)?)?;
        } else if kind.is_symlink() || kind.is_hard_link() {
            let link = entry.link_name_bytes().ok_or_else(|| io::Error::other("a link without a target"))?;
            let base = if kind.is_symlink() { tree::clean(&entry.path_bytes()) } else { PathBuf::new() };
            let joined = base
                .parent()
                .unwrap_or(Path::new(""))
                .join(Path::new(std::ffi::OsStr::new(&*String::from_utf8_lossy(&link))));
            fs::hard_link(directory.join(tree::clean(joined.as_os_str().as_encoded_bytes())), to)?;
        }
    }
    Ok(())
}

fn docker_images(directory: &Path) -> Result<Vec<Found>, ImageError> {
    let entries: Vec<DockerEntry> = parse(&read(directory, "manifest.json")?, "manifest.json")?;
    entries
        .into_iter()
        .map(|entry| {
            Ok(Found {
                config: read(directory, &entry.config)?,
                layers: entry.layers.iter().map(|layer| directory.join(tree::clean(layer.as_bytes()))).collect(),
                tags: entry.repo_tags.unwrap_or_default(),
                manifest: None,
            })
        })
        .collect()
}

fn layout_images(directory: &Path, platform: &Platform) -> Result<Vec<Found>, ImageError> {
    let index: Document = parse(&read(directory, "index.json")?, "index.json")?;
    let mut by_digest: BTreeMap<Digest, Found> = BTreeMap::new();
    for descriptor in &index.manifests {
        let (digest, manifest) = manifest_of(directory, descriptor, platform)?;
        let config = manifest.config.ok_or_else(|| malformed(directory, "a manifest without a config"))?;
        let found = Found {
            config: blob(directory, &config.digest)?,
            layers: manifest.layers.iter().map(|layer| blob_path(directory, &layer.digest)).collect(),
            tags: Vec::new(),
            manifest: Some(digest.clone()),
        };
        let name = NAME_ANNOTATIONS.iter().find_map(|key| descriptor.annotations.get(*key));
        by_digest.entry(digest).or_insert(found).tags.extend(name.cloned());
    }
    Ok(by_digest.into_values().collect())
}

/// The manifest behind a descriptor, going through nested indexes.
fn manifest_of(
    directory: &Path,
    descriptor: &Descriptor,
    platform: &Platform,
) -> Result<(Digest, Document), ImageError> {
    const NESTING_MAX: usize = 4;
    let mut digest = descriptor.digest.clone();
    for _ in 0..NESTING_MAX {
        let document: Document = parse(&blob(directory, &digest)?, "a manifest")?;
        if document.config.is_some() {
            return Ok((digest, document));
        }
        digest = choose(&document.manifests, platform)?.digest.clone();
    }
    Err(malformed(directory, "indexes are nested too deeply"))
}

fn blob_path(directory: &Path, digest: &Digest) -> PathBuf {
    directory.join("blobs").join(digest.algorithm()).join(digest.hex())
}

fn blob(directory: &Path, digest: &Digest) -> Result<Vec<u8>, ImageError> {
    let path = blob_path(directory, digest);
    let bytes = fs::read(&path).map_err(|source| ImageError::Archive { path, source })?;
    check(&bytes, digest, "archived blob")?;
    Ok(bytes)
}

/// Refuses bytes whose digest is another than the one they were named by.
pub(super) fn check(bytes: &[u8], expected: &Digest, what: &'static str) -> Result<(), ImageError> {
    let mut hasher = super::digest::Hasher::like(expected);
    hasher.update(bytes);
    let found = hasher.finish();
    if found == *expected { Ok(()) } else { Err(ImageError::WrongDigest { what, expected: expected.clone(), found }) }
}

fn read(directory: &Path, name: &str) -> Result<Vec<u8>, ImageError> {
    let path = directory.join(tree::clean(name.as_bytes()));
    fs::read(&path).map_err(|source| ImageError::Archive { path, source })
}

pub(super) fn parse<T: serde::de::DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, ImageError> {
    serde_json::from_slice(bytes)
        .map_err(|error| ImageError::Malformed { what: what.to_owned(), reason: error.to_string() })
}

fn malformed(path: &Path, reason: &str) -> ImageError {
    ImageError::Malformed { what: path.display().to_string(), reason: reason.to_owned() }
}

//! Images from a tar: `docker save`'s archive or an OCI layout.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::record::{ImageRecord, read_config};
use super::store::{check_digest, digest};
use super::{ImageError, ImageName, ImageStore};

/// One row of docker-archive's manifest.json.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerEntry {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

impl ImageStore {
    /// Takes in every image of a tar. Blocks; call it where blocking is fine.
    pub fn import(&self, archive: &Path) -> Result<Vec<ImageRecord>, ImageError> {
        let folder = self.unfinished(&format!("import-{}", std::process::id()));
        fs::create_dir_all(&folder).map_err(ImageError::io(&folder))?;
        let imported = self.import_into(archive, &folder);
        let removed = fs::remove_dir_all(&folder).map_err(ImageError::io(&folder));
        imported.and_then(|records| removed.map(|()| records))
    }

    fn import_into(&self, archive: &Path, folder: &Path) -> Result<Vec<ImageRecord>, ImageError> {
        super::unpack(archive, folder).map_err(ImageError::io(archive))?;
        if folder.join("manifest.json").exists() {
            let entries: Vec<DockerEntry> = read_json(folder, "manifest.json")?;
            return entries.iter().map(|entry| self.import_docker(folder, entry)).collect();
        }
        if folder.join("index.json").exists() {
            let index: oci_client::manifest::OciImageIndex = read_json(folder, "index.json")?;
            return index.manifests.iter().map(|entry| self.import_oci(folder, entry)).collect();
        }
        let detail = "it has neither manifest.json (docker save) nor index.json (OCI layout)".to_owned();
        Err(ImageError::Malformed { what: archive.display().to_string(), detail })
    }

    fn import_docker(&self, folder: &Path, entry: &DockerEntry) -> Result<ImageRecord, ImageError> {
        let layers = entry.layers.iter().map(|layer| inside(folder, layer)).collect::<Result<Vec<_>, _>>()?;
        let names = entry.repo_tags.clone().unwrap_or_default();
        self.import_image(&read(folder, &entry.config)?, &layers, &names)
    }

    fn import_oci(
        &self,
        folder: &Path,
        entry: &oci_client::manifest::ImageIndexEntry,
    ) -> Result<ImageRecord, ImageError> {
        let bytes = blob(folder, &entry.digest)?;
        let manifest: oci_client::manifest::OciImageManifest = serde_json::from_slice(&bytes)
            .map_err(|error| ImageError::Malformed { what: entry.digest.clone(), detail: error.to_string() })?;
        let config = blob(folder, &manifest.config.digest)?;
        let layers = manifest
            .layers
            .iter()
            .map(|layer| inside(folder, &blob_path(&layer.digest)))
            .collect::<Result<Vec<_>, _>>()?;
        let annotations = entry.annotations.clone().unwrap_or_default();
        let name = ["io.containerd.image.name", "org.opencontainers.image.ref.name"]
            .iter()
            .find_map(|key| annotations.get(*key));
        self.import_image(&config, &layers, &name.into_iter().cloned().collect::<Vec<_>>())
    }

    fn import_image(&self, config: &[u8], layers: &[PathBuf], names: &[String]) -> Result<ImageRecord, ImageError> {
        let repo_tags = names
            .iter()
            .map(|name| Ok(ImageName::parse(name)?.to_string()))
            .collect::<Result<Vec<String>, ImageError>>()?;
        let (diff_ids, image_config) = read_config(repo_tags.first().map_or("the archive", String::as_str), config)?;
        let mut size = config.len() as u64;
        for (file, diff_id) in layers.iter().zip(&diff_ids) {
            size += fs::metadata(file).map_err(ImageError::io(file))?.len();
            self.add_layer(file, diff_id)?;
        }
        let id = digest(config);
        self.put(ImageRecord {
            id,
            repo_tags,
            repo_digests: Vec::new(),
            size,
            diff_ids,
            config: image_config,
            pinned: true,
        })
    }
}

fn blob_path(digest: &str) -> String {
    format!("blobs/{}", digest.replace(':', "/"))
}

fn blob(folder: &Path, wanted: &str) -> Result<Vec<u8>, ImageError> {
    let bytes = read(folder, &blob_path(wanted))?;
    check_digest("blob", wanted, &digest(&bytes))?;
    Ok(bytes)
}

fn read(folder: &Path, name: &str) -> Result<Vec<u8>, ImageError> {
    let path = inside(folder, name)?;
    fs::read(&path).map_err(ImageError::io(&path))
}

fn read_json<T: for<'de> Deserialize<'de>>(folder: &Path, name: &str) -> Result<T, ImageError> {
    serde_json::from_slice(&read(folder, name)?)
        .map_err(|error| ImageError::Malformed { what: name.to_owned(), detail: error.to_string() })
}

/// A file of the archive; links that lead out of it are refused.
fn inside(folder: &Path, name: &str) -> Result<PathBuf, ImageError> {
    let root = folder.canonicalize().map_err(ImageError::io(folder))?;
    let path = root.join(name).canonicalize().map_err(ImageError::io(root.join(name)))?;
    if path.starts_with(&root) {
        return Ok(path);
    }
    Err(ImageError::Malformed { what: name.to_owned(), detail: "it leads out of the archive".to_owned() })
}

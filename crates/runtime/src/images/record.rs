//! What is kept of an image: its names, its layers and the part of its configuration that containers need.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ImageError;

/// An image that is here, whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageRecord {
    /// Digest of the configuration: the image's id.
    pub id: String,
    pub repo_tags: Vec<String>,
    pub repo_digests: Vec<String>,
    /// Bytes of the compressed layers and the configuration.
    pub size: u64,
    /// Lowest first.
    pub diff_ids: Vec<String>,
    pub config: ImageConfig,
    /// Never collected.
    #[serde(default)]
    pub pinned: bool,
}

/// The `config` part of an OCI image configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ImageConfig {
    #[serde(deserialize_with = "null_is_empty")]
    pub entrypoint: Vec<String>,
    #[serde(deserialize_with = "null_is_empty")]
    pub cmd: Vec<String>,
    #[serde(deserialize_with = "null_is_empty")]
    pub env: Vec<String>,
    pub working_dir: String,
    pub user: String,
    #[serde(deserialize_with = "null_is_empty")]
    pub volumes: BTreeMap<String, serde_json::Value>,
    pub stop_signal: String,
    #[serde(deserialize_with = "null_is_empty")]
    pub labels: BTreeMap<String, String>,
}

fn null_is_empty<'de, D: serde::Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The whole configuration blob, as far as it is read.
#[derive(Debug, Deserialize)]
struct Blob {
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    os: String,
    #[serde(default)]
    config: Option<ImageConfig>,
    rootfs: RootFs,
}

#[derive(Debug, Deserialize)]
struct RootFs {
    #[serde(default)]
    diff_ids: Vec<String>,
}

/// Reads a configuration blob: `(diff ids, config)`. Another platform's image is refused.
pub(super) fn read_config(name: &str, bytes: &[u8]) -> Result<(Vec<String>, ImageConfig), ImageError> {
    let malformed = |detail: String| ImageError::Malformed { what: format!("configuration of {name}"), detail };
    let blob: Blob = serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
    let ours = super::architecture();
    let fits =
        (blob.architecture.is_empty() || blob.architecture == ours) && (blob.os.is_empty() || blob.os == "linux");
    if !fits {
        let offered = format!("{}/{}", blob.os, blob.architecture);
        return Err(ImageError::Platform { name: name.to_owned(), platform: format!("linux/{ours}"), offered });
    }
    Ok((blob.rootfs.diff_ids, blob.config.unwrap_or_default()))
}

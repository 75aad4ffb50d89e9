//! Images: names, registries, unpacked layers, records. A record points to layers by diff id; layers are shared by images.

mod import;
mod record;
mod reference;
mod registry;
mod store;
#[cfg(test)]
mod tests;
mod unpack;

use std::path::PathBuf;

pub use record::{ImageConfig, ImageRecord};
pub use reference::{ImageName, NameError};
pub use registry::{Mirrors, PullAuth};
pub use store::ImageStore;
pub use unpack::{Compression, unpack};

/// Why an image could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    #[error(transparent)]
    Name(#[from] NameError),
    #[error("failed to pull and unpack image {name:?}: failed to resolve reference {name:?}: {name}: not found")]
    NotFound { name: String },
    #[error(
        "failed to pull and unpack image {name:?}: failed to resolve reference {name:?}: pull access denied, repository does not exist or may require authorization: {detail}"
    )]
    Denied { name: String, detail: String },
    #[error("failed to pull and unpack image {name:?}: {detail}")]
    Pull { name: String, detail: String },
    #[error("no image for {platform} in the index of {name}; it has {offered}")]
    Platform { name: String, platform: String, offered: String },
    #[error("{what} has digest {found}, expected {expected}")]
    Digest { what: String, expected: String, found: String },
    #[error("layer {diff_id}: {source}")]
    Unpack { diff_id: String, source: std::io::Error },
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{what} is not what it should be: {detail}")]
    Malformed { what: String, detail: String },
}

impl ImageError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}

/// The platform layers must be for, as registries write it.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

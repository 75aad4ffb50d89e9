//! The kubelet's errors, named by the step that failed.

use std::path::PathBuf;

/// A failed step of the kubelet.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("container runtime at {address}: {source}")]
    Connect { address: String, source: tonic::transport::Error },
    #[error("{call}: {}", .source.message())]
    Cri { call: &'static str, source: Box<tonic::Status> },
    #[error("{step} {}: {source}", .path.display())]
    File { step: &'static str, path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Api(#[from] client::Error),
    #[error("{0}")]
    Resize(String),
    #[error("kubelet configuration: {0}")]
    Config(String),
    #[error("listen on {address}: {source}")]
    Listen { address: String, source: std::io::Error },
    #[error("serving certificate: {0}")]
    Tls(String),
}

/// The result of a kubelet's step.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub fn cri(call: &'static str) -> impl FnOnce(tonic::Status) -> Self {
        move |source| Self::Cri { call, source: Box::new(source) }
    }

    pub fn file(step: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { step, path, source }
    }
}

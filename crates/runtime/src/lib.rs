//! The container runtime: CRI v1 over a unix socket, images, sandboxes, containers, their supervisor. Knows no Kubernetes API types.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "a test is the outside"))]

mod atomic_file;
pub mod cgroups;
pub use ::cri;
pub mod error;
pub mod images;
pub mod ledger;
pub mod network;
pub mod node;
mod seccomp;
mod service;
mod spec;
mod streaming;
pub mod supervisor;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::UnixListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use error::RuntimeError;
pub use images::registries::Registries;
pub use network::{Bandwidth, NetworkError, PodNetwork, PortMapping, SandboxNetwork};
pub use service::ARCHIVE_ANNOTATION;
pub use supervisor::client::Program;

use node::Node;

#[derive(Clone)]
pub struct Config {
    /// Images, layers and records of containers.
    pub data_dir: PathBuf,
    /// Sockets, mounts and what a reboot may lose.
    pub run_dir: PathBuf,
    pub registries: Registries,
    pub network: Arc<dyn PodNetwork>,
    /// An OCI runtime's program instead of our own.
    pub oci_runtime: Option<PathBuf>,
    /// How the supervisor is called.
    pub supervisor: Program,
}

/// A runtime that serves.
pub struct Runtime {
    node: Node,
    stop: watch::Sender<bool>,
    served: JoinHandle<Result<(), RuntimeError>>,
}

impl Runtime {
    /// Finds or starts the supervisor and serves CRI on `RUN/cri.sock`.
    pub async fn start(config: Config) -> Result<Self, RuntimeError> {
        let socket = Self::socket(&config.run_dir);
        let node = Node::open(config).await?;
        let streaming = streaming::Streaming::start(node.clone()).await?;
        cgroups::ignore_missing(fs::remove_file(&socket)).map_err(RuntimeError::io("remove an old socket"))?;
        let listener =
            UnixListener::bind(&socket).map_err(RuntimeError::io(format!("listen on {}", socket.display())))?;
        fs::set_permissions(&socket, fs::Permissions::from_mode(0o600))
            .map_err(RuntimeError::io("protect the socket"))?;
        let (stop, mut stopped) = watch::channel(false);
        let service = service::Service { node: node.clone(), streaming };
        let until = async move {
            // A dropped runtime stops too.
            let (Ok(_) | Err(_)) = stopped.wait_for(|stopped| *stopped).await.map(drop);
        };
        #[expect(clippy::disallowed_methods, reason = "the runtime has no Env; nothing simulates it")]
        let served = tokio::spawn(service::serve(service, listener, until));
        Ok(Self { node, stop, served })
    }

    pub fn socket(run_dir: &Path) -> PathBuf {
        run_dir.join("cri.sock")
    }

    /// What is behind the socket, for commands of the same program.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Ends serving; containers go on.
    pub async fn stop(self) -> Result<(), RuntimeError> {
        self.stop.send_replace(true);
        match self.served.await {
            Ok(outcome) => outcome,
            Err(error) => Err(RuntimeError::Io { step: "serve CRI".to_owned(), source: std::io::Error::other(error) }),
        }
    }
}

#[cfg(test)]
mod tests;

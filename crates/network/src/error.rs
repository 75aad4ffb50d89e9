//! What can go wrong in this room, named by the failed step.

use std::io;
use std::path::PathBuf;

use crate::netlink::NetlinkError;
use crate::nft::NftError;
use crate::table::TableError;

/// A failed step of Pod networking, proxy, routes or edge.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The kernel refused over netlink.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// nftables refused.
    #[error(transparent)]
    Nft(#[from] NftError),
    /// The table could not be opened.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A file of ours could not be read or written.
    #[error("{step} {path}: {source}")]
    File {
        /// What was tried.
        step: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A kernel setting could not be made.
    #[error("set sysctl {path}: {source}")]
    Sysctl {
        /// Below /proc/sys.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// The ledger could not be written; nothing was made.
    #[error("record {kind} {id} in the ledger: {source}")]
    Ledger {
        /// Kind of the thing.
        kind: &'static str,
        /// Its id.
        id: String,
        /// Why not.
        source: io::Error,
    },
    /// No address is left for a Pod.
    #[error("no free address in {0}")]
    Exhausted(String),
    /// The node has no Pod address range yet.
    #[error("node has no podCIDR yet")]
    NoPodCidr,
    /// A host port is taken by another Pod.
    #[error("host port {port}/{protocol} is already used by sandbox {holder}")]
    HostPortTaken {
        /// The port.
        port: u16,
        /// Its protocol.
        protocol: &'static str,
        /// Who has it.
        holder: String,
    },
    /// A link that must be there is not.
    #[error("link {0} is missing")]
    LinkMissing(String),
    /// The edge's sockets failed.
    #[error("listen on {address}: {source}")]
    Listen {
        /// Where.
        address: std::net::SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// A worker thread died.
    #[error("network worker: {0}")]
    Worker(String),
    /// The API server could not be reached or refused.
    #[error("kubernetes API: {0}")]
    Api(#[source] Box<kube::Error>),
    /// The configuration makes no sense.
    #[error("{0}")]
    Config(String),
}

impl NetworkError {
    /// For failed file operations.
    pub fn file(step: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { step, path, source }
    }
}

impl From<kube::Error> for NetworkError {
    fn from(error: kube::Error) -> Self {
        Self::Api(Box::new(error))
    }
}

/// Netlink work off the async threads. Opening sockets must happen in the process's own namespace, which blocking threads are in.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, NetworkError> + Send + 'static,
) -> Result<T, NetworkError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| NetworkError::Worker(error.to_string()))?
}

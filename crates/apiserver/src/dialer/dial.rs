//! Connections: what a dialer is, and the server's own, which goes through the tunnel of an endpoint's node where there is one.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::tunnel::Tunnels;
use crate::pki::{Pki, PkiError, client_config};

pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

/// A connection.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Connection for T {}

/// A connection of any sort.
pub type Stream = Box<dyn Connection>;

/// Nobody answered.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    #[error("dial tcp {address}: {}", explained(source))]
    Connect { address: String, source: std::io::Error },
    #[error("dial tcp {0}: i/o timeout")]
    Timeout(String),
    #[error("tls handshake with {address}: {source}")]
    Tls { address: String, source: std::io::Error },
    #[error("dial tcp {address} by way of node {node}: {why}")]
    Tunnel { node: String, address: String, why: String },
    #[error("dial tcp {address}: the tunnel of node {node} is closed: is its agent running?")]
    Closed { node: String, address: String },
    #[error("{0:?} is not a server's name")]
    Name(String),
}

/// An address and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub host: String,
    pub port: u16,
    /// The Node that it is on, as far as the cluster knows: several may have one address, each behind a router of its own.
    pub node: Option<String>,
}

impl Endpoint {
    /// Anywhere.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port, node: None }
    }

    /// On a node.
    pub fn on(node: impl Into<String>, host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port, node: Some(node.into()).filter(|name| !name.is_empty()) }
    }

    /// `10.0.0.1:80`, `[fd00::1]:80`
    pub fn address(&self) -> String {
        join(&self.host, self.port)
    }
}

/// Connects to nodes and Pods.
#[async_trait]
pub trait Dialer: Send + Sync + 'static {
    /// Plain TCP.
    async fn dial(&self, to: &Endpoint) -> Result<Stream, DialError>;

    /// TLS to the kubelet of the endpoint's node, showing the server's kubelet client certificate. Who answers has to be that node,
    /// whatever address it claims.
    async fn dial_kubelet(&self, to: &Endpoint) -> Result<Stream, DialError>;
}

/// Dials through tunnels and directly.
pub struct TcpDialer {
    kubelet: Arc<ClientConfig>,
    tunnels: Arc<Tunnels>,
}

impl TcpDialer {
    pub(crate) fn new(pki: &Pki, tunnels: Arc<Tunnels>) -> Result<Self, PkiError> {
        let config = client_config(&pki.keys.server_authority.certificate, &pki.kubelet_client)?;
        Ok(Self { kubelet: Arc::new(config), tunnels })
    }
}

/// The usual failures in the words of Go's dialer, which people search for.
fn explained(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => "connect: connection refused".to_owned(),
        std::io::ErrorKind::HostUnreachable => "connect: no route to host".to_owned(),
        std::io::ErrorKind::NetworkUnreachable => "connect: network is unreachable".to_owned(),
        _ => error.to_string(),
    }
}

pub(crate) fn join(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

async fn connect(address: String) -> Result<TcpStream, DialError> {
    let connecting = tokio::time::timeout(TIMEOUT, TcpStream::connect(&address)).await;
    let stream = connecting.map_err(|_| DialError::Timeout(address.clone()))?;
    let stream = stream.map_err(|source| DialError::Connect { address: address.clone(), source })?;
    stream.set_nodelay(true).map_err(|source| DialError::Connect { address, source })?;
    Ok(stream)
}

#[async_trait]
impl Dialer for TcpDialer {
    async fn dial(&self, to: &Endpoint) -> Result<Stream, DialError> {
        match self.tunnels.to(to)? {
            Some(tunnel) => tunnel.dial(to.address()).await,
            None => Ok(Box::new(connect(to.address()).await?)),
        }
    }

    async fn dial_kubelet(&self, to: &Endpoint) -> Result<Stream, DialError> {
        // Its name is what a node cannot make up: a certificate says it only to whom it belongs.
        let name = to.node.clone().unwrap_or_else(|| to.host.clone());
        let name = ServerName::try_from(name.clone()).map_err(|_| DialError::Name(name))?;
        let stream = self.dial(to).await?;
        let address = to.address();
        let handshake = TlsConnector::from(self.kubelet.clone()).connect(name, stream);
        let shaken = tokio::time::timeout(TIMEOUT, handshake).await.map_err(|_| DialError::Timeout(address.clone()))?;
        Ok(Box::new(shaken.map_err(|source| DialError::Tls { address, source })?))
    }
}

//! The one seam between sandboxes and the network of Pods: who gives a sandbox its addresses.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// A sandbox as its network sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxNetwork {
    pub id: String,
    pub name: String,
    pub namespace: String,
    pub uid: String,
    /// The file that keeps the network namespace.
    pub netns_path: PathBuf,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub port_mappings: Vec<PortMapping>,
    pub bandwidth: Bandwidth,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortMapping {
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: String,
    pub container_port: u16,
    pub host_port: u16,
    pub host_ip: Option<IpAddr>,
}

/// Bits per second, from the Pod's annotations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bandwidth {
    pub ingress: Option<u64>,
    pub egress: Option<u64>,
}

#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct NetworkError {
    pub message: String,
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl NetworkError {
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None }
    }
}

#[async_trait]
pub trait PodNetwork: Send + Sync {
    /// Connects a sandbox; gives its addresses, the main one first. Called again after a crash, it gives the same.
    async fn add(&self, sandbox: &SandboxNetwork) -> Result<Vec<IpAddr>, NetworkError>;
    /// Disconnects it; nothing to do is success.
    async fn remove(&self, sandbox: &SandboxNetwork) -> Result<(), NetworkError>;
    /// Whether sandboxes can be connected, or why not.
    async fn status(&self) -> Result<(), String>;
}

/// No network: sandboxes have a loopback device and no address. For a runtime that is used without a cluster.
pub struct Loopback;

#[async_trait]
impl PodNetwork for Loopback {
    async fn add(&self, _: &SandboxNetwork) -> Result<Vec<IpAddr>, NetworkError> {
        Ok(Vec::new())
    }

    async fn remove(&self, _: &SandboxNetwork) -> Result<(), NetworkError> {
        Ok(())
    }

    async fn status(&self) -> Result<(), String> {
        Ok(())
    }
}

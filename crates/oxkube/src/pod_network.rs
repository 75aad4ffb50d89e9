//! The runtime's network seam over our own Pod network.

use std::net::IpAddr;

use async_trait::async_trait;
use network::pods::{HostPort, PodNet, Sandbox};
use network::protocol::Protocol;
use runtime::{NetworkError, SandboxNetwork};

/// Connects sandboxes through [`PodNet`].
pub struct PodNetwork(pub PodNet);

#[async_trait]
impl runtime::PodNetwork for PodNetwork {
    async fn add(&self, sandbox: &SandboxNetwork) -> Result<Vec<IpAddr>, NetworkError> {
        self.0.add(&translated(sandbox)?).await.map_err(failed)
    }

    async fn remove(&self, sandbox: &SandboxNetwork) -> Result<(), NetworkError> {
        self.0.remove(&sandbox.id).await.map_err(failed)
    }

    async fn status(&self) -> Result<(), String> {
        self.0.status()
    }
}

fn translated(sandbox: &SandboxNetwork) -> Result<Sandbox, NetworkError> {
    let host_ports = sandbox
        .port_mappings
        .iter()
        .filter(|mapping| mapping.host_port != 0)
        .map(|mapping| {
            let unknown = || NetworkError::new(format!("protocol {} is not known", mapping.protocol));
            Ok(HostPort {
                protocol: Protocol::parse(&mapping.protocol).ok_or_else(unknown)?,
                container_port: mapping.container_port,
                host_port: mapping.host_port,
                host_ip: mapping.host_ip,
            })
        })
        .collect::<Result<_, NetworkError>>()?;
    Ok(Sandbox {
        id: sandbox.id.clone(),
        name: sandbox.name.clone(),
        namespace: sandbox.namespace.clone(),
        netns_path: sandbox.netns_path.clone(),
        host_ports,
    })
}

fn failed(error: network::error::NetworkError) -> NetworkError {
    NetworkError { message: error.to_string(), source: Some(Box::new(error)) }
}

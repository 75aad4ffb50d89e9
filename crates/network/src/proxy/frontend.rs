//! What the proxy serves: frontends (an address, protocol and port) and what stands behind each.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::protocol::Protocol;
use crate::rtnl::Prefix;
use crate::table::Family;

/// A Service's namespace and name.
pub type ServiceKey = client::ObjectKey;

/// A Pod's (or other backend's) address and port.
pub type Endpoint = (IpAddr, u16);

/// Where a frontend listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Listen {
    /// On one address: a cluster, external or load balancer IP.
    Address(IpAddr),
    /// On every address of the node: a node port.
    AnyLocal(Family),
}

/// An address, protocol and port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Frontend {
    /// Address.
    pub listen: Listen,
    /// Protocol.
    pub protocol: Protocol,
    /// Port.
    pub port: u16,
}

impl Frontend {
    /// IPv4 or IPv6.
    pub fn family(&self) -> Family {
        match self.listen {
            Listen::Address(address) => Family::of(address),
            Listen::AnyLocal(family) => family,
        }
    }
}

/// Whose connections leave with the node's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Masquerade {
    /// Those from outside the cluster's Pod addresses.
    OffCluster,
    /// All.
    Always,
}

/// What happens where no endpoint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody serves it anywhere: the client is told.
    Reject,
    /// Others serve it, this node does not (traffic policy Local): silence, so that load balancers go elsewhere.
    Drop,
}

/// What stands behind a frontend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    /// Endpoints for everybody, or where `outside` is set, for Pods and the node itself.
    pub endpoints: BTreeSet<Endpoint>,
    /// Endpoints for sources outside the cluster (externalTrafficPolicy Local); their address is kept.
    pub outside: Option<BTreeSet<Endpoint>>,
    /// What happens while `endpoints` is empty.
    pub refusal: Refusal,
    /// Seconds a client stays with its endpoint (sessionAffinity ClientIP).
    pub affinity: Option<u32>,
    /// Whose connections leave with the node's address.
    pub masquerade: Masquerade,
    /// Only these sources get through (loadBalancerSourceRanges).
    pub sources: Option<BTreeSet<Prefix>>,
}

//! `PodNet`: add and remove sandboxes; idempotent, crash-safe, recovering from its leases.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use super::lease::{HostPort, Lease, Leases};
use super::{host_ports, pool, wiring};
use crate::error::{NetworkError, blocking};
use crate::ledger::{Ledger, Made};
use crate::names::Names;
use crate::rtnl::{Prefix, Rtnl};
use crate::sysctl;
use crate::table::{Delta, Family, Table};

/// Room that the headers of the tunnel between nodes take from a packet (VXLAN over IPv6).
const TUNNEL_OVERHEAD: u32 = 70;
const USUAL_MTU: u32 = 1500;

/// What Pod networking is told at start.
pub struct Config {
    /// The node's data dir; leases are kept in `network/leases` below.
    pub data_dir: PathBuf,
    /// Where to record what is made on the host.
    pub ledger: Arc<dyn Ledger>,
    /// The node's table.
    pub table: Arc<Table>,
    /// Largest packet of Pods; none = what the node's default route takes, less the tunnel's headers.
    pub mtu: Option<u32>,
}

/// A sandbox to be connected.
#[derive(Debug, Clone, Default)]
pub struct Sandbox {
    /// Its id.
    pub id: String,
    /// Name of its Pod.
    pub name: String,
    /// Namespace of its Pod.
    pub namespace: String,
    /// Path of its network namespace.
    pub netns_path: PathBuf,
    /// Ports of its containers on the host.
    pub host_ports: Vec<HostPort>,
}

/// Pod networking of this node. Cheap to clone.
#[derive(Clone)]
pub struct PodNet {
    shared: Arc<Shared>,
}

struct Shared {
    names: Names,
    ledger: Arc<dyn Ledger>,
    table: Arc<Table>,
    mtu: u32,
    boot_id: String,
    state: Mutex<State>,
}

struct State {
    leases: Leases,
    ranges: Vec<Prefix>,
    last: BTreeMap<Family, IpAddr>,
}

impl PodNet {
    /// Reads the leases back, puts their host ports into the table, sets what forwarding needs.
    pub fn start(config: Config) -> Result<Self, NetworkError> {
        let boot_id =
            sysctl::read("kernel/random/boot_id").map_err(|source| sysctl_error("kernel/random/boot_id", source))?;
        let leases = Leases::load(config.data_dir.join("network/leases"), &boot_id)?;
        let forward = "net/ipv4/ip_forward";
        sysctl::set_recorded(&*config.ledger, forward, "1").map_err(|source| sysctl_error(forward, source))?;
        let added = leases.iter().flat_map(host_ports::elements).collect();
        config.table.apply(Delta { added, ..Delta::default() })?;
        let mtu = match config.mtu {
            Some(mtu) => mtu,
            None => default_mtu(&mut Rtnl::open()?)?,
        };
        let state = Mutex::new(State { leases, ranges: Vec::new(), last: BTreeMap::new() });
        let names = Names::of(&config.data_dir);
        let shared = Shared { names, ledger: config.ledger, table: config.table, mtu, boot_id, state };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The ranges Pod addresses come from (the Node's spec.podCIDRs). IPv6 forwarding is set once a range needs it.
    pub fn set_ranges(&self, ranges: Vec<Prefix>) -> Result<(), NetworkError> {
        if ranges.iter().any(|range| range.address.is_ipv6()) {
            let forward = "net/ipv6/conf/all/forwarding";
            sysctl::set_recorded(&*self.shared.ledger, forward, "1").map_err(|source| sysctl_error(forward, source))?;
        }
        self.shared.state.lock().ranges = ranges;
        Ok(())
    }

    /// Whether Pods can be connected, else why not (the runtime's NetworkReady condition).
    pub fn status(&self) -> Result<(), String> {
        if self.shared.state.lock().ranges.is_empty() { Err(NetworkError::NoPodCidr.to_string()) } else { Ok(()) }
    }

    /// Connects a sandbox and returns its addresses; asked again it repairs and returns the same ones.
    pub async fn add(&self, sandbox: &Sandbox) -> Result<Vec<IpAddr>, NetworkError> {
        let (shared, sandbox) = (self.shared.clone(), sandbox.clone());
        blocking(move || shared.add(&sandbox)).await
    }

    /// Disconnects a sandbox; one that is not connected is no error.
    pub async fn remove(&self, sandbox: &str) -> Result<(), NetworkError> {
        let (shared, sandbox) = (self.shared.clone(), sandbox.to_owned());
        blocking(move || shared.remove(&sandbox)).await
    }

    /// Disconnects all sandboxes but these: what a crash between the runtime's record and ours left.
    pub async fn retain(&self, sandboxes: &BTreeSet<String>) -> Result<(), NetworkError> {
        let known: Vec<String> = self.shared.state.lock().leases.iter().map(|lease| lease.sandbox.clone()).collect();
        for sandbox in known.iter().filter(|sandbox| !sandboxes.contains(*sandbox)) {
            self.remove(sandbox).await?;
        }
        Ok(())
    }

    /// What is held now.
    pub fn leases(&self) -> Vec<Lease> {
        self.shared.state.lock().leases.iter().cloned().collect()
    }
}

impl Shared {
    fn add(&self, sandbox: &Sandbox) -> Result<Vec<IpAddr>, NetworkError> {
        let lease = self.reserve(sandbox)?;
        let link = Made::Link.as_str();
        let made = self
            .ledger
            .record(link, &lease.link)
            .map_err(|source| NetworkError::Ledger { kind: link, id: lease.link.clone(), source })
            .and_then(|()| wiring::connect(&self.names, &lease, &sandbox.netns_path, self.mtu))
            .and_then(|()| Ok(self.table.apply(Delta { added: host_ports::elements(&lease), ..Delta::default() })?));
        match made {
            Ok(()) => Ok(lease.addresses),
            Err(error) => {
                if let Err(second) = self.remove(&sandbox.id) {
                    tracing::warn!(sandbox = sandbox.id, error = %second, "cannot undo a failed connection; it is tried again on removal");
                }
                Err(error)
            }
        }
    }

    /// Takes addresses and host ports for the sandbox and writes its lease.
    fn reserve(&self, sandbox: &Sandbox) -> Result<Lease, NetworkError> {
        let mut state = self.state.lock();
        let addresses = match state.leases.get(&sandbox.id) {
            Some(lease) => lease.addresses.clone(),
            None => state.allocate()?,
        };
        let lease = Lease {
            sandbox: sandbox.id.clone(),
            pod: format!("{}/{}", sandbox.namespace, sandbox.name),
            addresses,
            link: self.names.pod_link(&sandbox.id),
            host_ports: sandbox.host_ports.clone(),
            boot_id: self.boot_id.clone(),
        };
        if let Some((port, holder)) = host_ports::conflict(&lease, state.leases.iter()) {
            return Err(NetworkError::HostPortTaken { port: port.host_port, protocol: port.protocol.as_str(), holder });
        }
        state.leases.put(lease.clone())?;
        Ok(lease)
    }

    fn remove(&self, sandbox: &str) -> Result<(), NetworkError> {
        let Some(lease) = self.state.lock().leases.get(sandbox).cloned() else { return Ok(()) };
        self.table.apply(Delta { removed: host_ports::elements(&lease), ..Delta::default() })?;
        Rtnl::open()?.delete_link(&lease.link)?;
        let link = Made::Link.as_str();
        self.ledger.forget(link, &lease.link).map_err(|source| NetworkError::Ledger {
            kind: link,
            id: lease.link.clone(),
            source,
        })?;
        self.state.lock().leases.remove(sandbox)
    }
}

impl State {
    fn allocate(&mut self) -> Result<Vec<IpAddr>, NetworkError> {
        if self.ranges.is_empty() {
            return Err(NetworkError::NoPodCidr);
        }
        let used: BTreeSet<IpAddr> = self.leases.iter().flat_map(|lease| lease.addresses.iter().copied()).collect();
        let mut addresses = Vec::new();
        for range in &self.ranges {
            let last = self
                .last
                .get(&Family::of(range.address))
                .copied()
                .or_else(|| used.iter().copied().filter(|a| range.contains(*a)).max());
            let address = pool::next(range, &used, last).ok_or_else(|| NetworkError::Exhausted(range.to_string()))?;
            addresses.push(address);
        }
        self.last.extend(addresses.iter().map(|address| (Family::of(*address), *address)));
        Ok(addresses)
    }
}

/// What the link of the default route takes, less the tunnel's headers.
fn default_mtu(rtnl: &mut Rtnl) -> Result<u32, NetworkError> {
    let default = rtnl.routes()?.into_iter().find(|(route, _)| route.destination.length == 0);
    let links = rtnl.links()?;
    let link = default.and_then(|(route, _)| links.into_iter().find(|link| link.index == route.link));
    Ok(link.map_or(USUAL_MTU, |link| link.mtu.min(65_535)).saturating_sub(TUNNEL_OVERHEAD).max(1280))
}

fn sysctl_error(path: &str, source: std::io::Error) -> NetworkError {
    NetworkError::Sysctl { path: path.to_owned(), source }
}

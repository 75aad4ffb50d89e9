//! What has to hold before anything is started: one clear line and exit code 2 otherwise, with nothing half-started.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with, sockopt};

use crate::ledger::NodeLedger;
use crate::node::KUBELET_PORT;

const LOCK: &str = "lock";

/// Why a node cannot start here; the text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("a node makes namespaces and mounts: run oxkube {0} as root")]
    NotRoot(&'static str),
    #[error("port {port} is taken on {address}: stop what listens there, or choose another with {flag}")]
    PortTaken { address: IpAddr, port: u16, flag: &'static str },
    #[error("port {0} is taken: one machine runs one node; stop the other kubelet")]
    KubeletPortTaken(u16),
    #[error("data dir {0} is in use by another oxkube: stop it, or choose another with --data-dir")]
    DataDirInUse(PathBuf),
    #[error("data dir {path}: {source}; choose another with --data-dir")]
    DataDir { path: PathBuf, source: std::io::Error },
    #[error("--{flag} {value:?}: {problem}")]
    BadFlag { flag: &'static str, value: String, problem: String },
    #[error("this host has no address besides loopback: name one with --node-ip")]
    NoAddress,
    #[error("{flag} {cidr} overlaps the route {route} of this host: choose another range")]
    Overlap { flag: &'static str, cidr: String, route: String },
}

/// The data dir, made and locked until this is dropped.
#[derive(Debug)]
pub struct DataDir {
    pub path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Writes who uses it, for uninstall.
    pub fn note_process(&self) -> Result<(), Refusal> {
        let refuse = |source| Refusal::DataDir { path: self.path.clone(), source };
        fs::write(self.path.join(crate::uninstall::PID_FILE), std::process::id().to_string()).map_err(refuse)
    }
}

/// This host's name.
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Nodes need root.
pub fn root(verb: &'static str) -> Result<(), Refusal> {
    if rustix::process::geteuid().is_root() { Ok(()) } else { Err(Refusal::NotRoot(verb)) }
}

/// A foreign runtime would need a Pod network that it can call.
pub fn built_in_runtime(flags: &crate::flags::NodeFlags) -> Result<(), Refusal> {
    match &flags.container_runtime_endpoint {
        None => Ok(()),
        Some(value) => Err(Refusal::BadFlag {
            flag: "container-runtime-endpoint",
            value: value.clone(),
            problem: "other runtimes are not supported yet; leave it out for the built-in one".to_owned(),
        }),
    }
}

/// Refuses a data dir that another node holds; asked before all ports, which that node holds too. Makes nothing.
pub fn data_dir_is_free(path: &Path) -> Result<(), Refusal> {
    // One that cannot be opened is told by `data_dir`.
    let Ok(lock) = File::open(path.join(LOCK)) else { return Ok(()) };
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|_| Refusal::DataDirInUse(path))
}

/// Makes and locks the data dir.
pub fn data_dir(path: &Path) -> Result<DataDir, Refusal> {
    let refuse = |source| Refusal::DataDir { path: path.to_owned(), source };
    fs::create_dir_all(path).map_err(refuse)?;
    let path = path.canonicalize().map_err(refuse)?;
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path.join(LOCK)).map_err(refuse)?;
    flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|_| Refusal::DataDirInUse(path.clone()))?;
    Ok(DataDir { path, _lock: lock })
}

/// Listens, or names the port and the flag.
pub fn listen(address: IpAddr, port: u16, flag: &'static str) -> Result<TcpListener, Refusal> {
    let refused = |_| Refusal::PortTaken { address, port, flag };
    let listener = TcpListener::bind(SocketAddr::new(address, port)).map_err(refused)?;
    listener.set_nonblocking(true).map_err(refused)?;
    Ok(listener)
}

/// Nobody else serves as this machine's kubelet.
pub fn kubelet_port() -> Result<(), Refusal> {
    bound(KUBELET_PORT).map(drop).map_err(|_| Refusal::KubeletPortTaken(KUBELET_PORT))
}

/// Fails beside a listener. It does not listen itself, so that two that look at the same moment do not take each other for one.
fn bound(port: u16) -> rustix::io::Result<OwnedFd> {
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &SocketAddr::new(IpAddr::from([0, 0, 0, 0]), port))?;
    Ok(socket)
}

/// A CIDR flag's value: an address range, written from its first address on.
pub fn cidr(flag: &'static str, value: &str) -> Result<(IpAddr, u8), Refusal> {
    let bad = |problem: &str| Refusal::BadFlag { flag, value: value.to_owned(), problem: problem.to_owned() };
    let (address, bits) = value.split_once('/').ok_or_else(|| bad("a range looks like 10.42.0.0/16"))?;
    let address: IpAddr = address.parse().map_err(|_| bad("the part before / is no address"))?;
    let bits: u8 = bits.parse().map_err(|_| bad("the part after / is no number"))?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    if bits > most {
        return Err(bad(&format!("at most /{most} is possible")));
    }
    Ok((address, bits))
}

/// What this host routes, and which of it an earlier run has made: routes to the Pods of other nodes leave by links that are not ours.
pub struct HostRoutes {
    table: String,
    own: BTreeSet<String>,
}

impl HostRoutes {
    /// `data_dir` need not exist. A ledger that cannot be read is reported when the node starts.
    pub fn read(data_dir: &Path) -> Self {
        let entries = NodeLedger::open(data_dir).map(|ledger| ledger.entries()).unwrap_or_default();
        let own = entries.into_iter().filter(|(kind, _)| kind == "route").map(|(_, id)| id).collect();
        Self { table: fs::read_to_string("/proc/net/route").unwrap_or_default(), own }
    }
}

/// Refuses ranges that this host already routes elsewhere.
pub fn no_overlap(flag: &'static str, value: &str, routes: &HostRoutes) -> Result<(), Refusal> {
    let (IpAddr::V4(address), bits) = cidr(flag, value)? else { return Ok(()) };
    for line in routes.table.lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [link, destination, .., _, _, _] = fields.as_slice() else { continue };
        let (Some(destination), Some(mask)) = (hex(Some(destination)), hex(fields.get(7))) else { continue };
        // Our own links (their names begin with ox) carry our own ranges.
        if mask == 0 || link.starts_with("ox") {
            continue;
        }
        let range = format!("{}/{}", IpAddr::from(destination.to_be_bytes()), mask.count_ones());
        if routes.own.contains(&range) {
            continue;
        }
        let ours = if bits == 0 { 0 } else { u32::MAX << (32 - u32::from(bits)) };
        if u32::from(address) & ours & mask == destination & ours & mask {
            let route = format!("{range} ({link})");
            return Err(Refusal::Overlap { flag, cidr: value.to_owned(), route });
        }
    }
    Ok(())
}

/// /proc/net/route writes addresses as little-endian hexadecimal.
fn hex(field: Option<&&str>) -> Option<u32> {
    u32::from_str_radix(field?, 16).ok().map(u32::swap_bytes)
}

/// The address this host would use towards the world, else the first one that is not loopback.
pub fn node_address() -> Result<IpAddr, Refusal> {
    // Connecting a datagram socket sends nothing; it only asks the routing table for a source address.
    let routed = UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
        socket.connect("192.0.2.1:9")?;
        socket.local_addr()
    });
    if let Ok(address) = routed
        && !address.ip().is_loopback()
        && !address.ip().is_unspecified()
    {
        return Ok(address.ip());
    }
    let addresses = nix::ifaddrs::getifaddrs().map_err(|_| Refusal::NoAddress)?;
    addresses
        .filter(|interface| !interface.interface_name.starts_with("ox"))
        .filter_map(|interface| interface.address?.as_sockaddr_in().map(|address| IpAddr::V4(address.ip())))
        .find(|address| !address.is_loopback())
        .ok_or(Refusal::NoAddress)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_at_a_port_takes_it_from_nobody() {
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its number").port();
        let (one, other) = (bound(port).expect("free"), bound(port).expect("free beside one that looks"));
        drop((one, other));
        let _listener = TcpListener::bind(("0.0.0.0", port)).expect("free");
        assert!(bound(port).is_err());
    }

    #[test]
    fn ranges_are_read_and_refused_with_the_flag_named() {
        assert_eq!(cidr("cluster-cidr", "10.42.0.0/16").expect("good"), (IpAddr::from([10, 42, 0, 0]), 16));
        for bad in ["10.42.0.0", "x/16", "10.0.0.0/x", "10.0.0.0/33"] {
            assert!(cidr("cluster-cidr", bad).expect_err(bad).to_string().starts_with("--cluster-cidr"));
        }
    }

    #[test]
    fn a_range_that_the_host_routes_elsewhere_is_refused() {
        let table = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n\
                      eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
                      eth1\t00002A0A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n";
        let mut routes = HostRoutes { table: table.to_owned(), own: BTreeSet::new() };
        let refusal = no_overlap("--cluster-cidr", "10.42.0.0/16", &routes).expect_err("overlaps");
        assert_eq!(
            refusal.to_string(),
            "--cluster-cidr 10.42.0.0/16 overlaps the route 10.42.0.0/16 (eth1) of this host: choose another range"
        );
        assert!(no_overlap("--cluster-cidr", "10.50.0.0/16", &routes).is_ok());
        routes.own.insert("10.42.0.0/16".to_owned());
        assert!(no_overlap("--cluster-cidr", "10.42.0.0/16", &routes).is_ok(), "an earlier run made it");
    }

    #[test]
    fn one_data_dir_has_one_owner() {
        let folder = tempfile::tempdir().expect("tempdir");
        let first = data_dir(folder.path()).expect("free");
        assert!(matches!(data_dir(folder.path()), Err(Refusal::DataDirInUse(_))));
        assert!(matches!(data_dir_is_free(folder.path()), Err(Refusal::DataDirInUse(_))));
        drop(first);
        assert!(data_dir_is_free(folder.path()).is_ok());
        assert!(data_dir(folder.path()).is_ok());
        let none = folder.path().join("none");
        assert!(data_dir_is_free(&none).is_ok() && !none.exists());
    }
}

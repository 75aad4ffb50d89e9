//! Pods in private namespaces, with real packets.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use super::{Config, HostPort, PodNet, Sandbox};
use crate::ledger::memory::MemoryLedger;
use crate::protocol::Protocol;
use crate::rtnl::{Address, Rtnl};
use crate::table::{Cidrs, Table, skeleton};
use crate::tests::{Namespace, as_host};

struct Host {
    net: PodNet,
    ledger: Arc<MemoryLedger>,
    runtime: tokio::runtime::Runtime,
    data_dir: tempfile::TempDir,
}

impl Host {
    fn new() -> Self {
        let data_dir = tempfile::tempdir().unwrap();
        let ledger = Arc::new(MemoryLedger::default());
        // A node without any address but those of our own making.
        let mut rtnl = Rtnl::open().unwrap();
        rtnl.add_address(&Address { link: 1, address: "10.42.0.1".parse().unwrap(), prefix: 32, scope: 0 }).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let net = start(&data_dir, &ledger);
        Self { net, ledger, runtime, data_dir }
    }

    fn add(&self, id: &str, namespace: &Namespace, host_ports: Vec<HostPort>) -> Result<Vec<IpAddr>, String> {
        let sandbox = Sandbox { id: id.into(), netns_path: namespace.path(), host_ports, ..Sandbox::default() };
        self.runtime.block_on(self.net.add(&sandbox)).map_err(|error| error.to_string())
    }

    fn remove(&self, id: &str) {
        self.runtime.block_on(self.net.remove(id)).unwrap();
    }
}

fn start(data_dir: &tempfile::TempDir, ledger: &Arc<MemoryLedger>) -> PodNet {
    let parse = |text: &str| text.parse().unwrap();
    let ranges = vec![parse("10.42.0.0/24"), parse("fd42::/64")];
    let cidrs =
        Cidrs { cluster: vec![parse("10.42.0.0/16"), parse("fd42::/48")], services: vec![], node: ranges.clone() };
    let prefix = crate::names::Names::of(data_dir.path()).link_prefix().to_owned();
    let table = Arc::new(Table::open("test".into(), skeleton(&cidrs, &prefix), &**ledger).unwrap());
    let net = PodNet::start(Config { data_dir: data_dir.path().to_owned(), ledger: ledger.clone(), table, mtu: None })
        .unwrap();
    assert_eq!(net.status().unwrap_err(), "node has no podCIDR yet");
    net.set_ranges(ranges).unwrap();
    net
}

/// Starts a server that answers each connection with the client's address.
fn echo(namespace: &Namespace, address: SocketAddr) {
    let listener = namespace.run(|| TcpListener::bind(address).unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let peer = stream.peer_addr().unwrap().ip().to_string();
            stream.write_all(peer.as_bytes()).unwrap();
        }
    });
}

/// The address the server at `target` saw.
fn ask(target: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&target, Duration::from_secs(2))?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

#[test]
fn pods_reach_each_other_and_the_host_in_both_families() {
    as_host(|| {
        let host = Host::new();
        let (one, two) = (Namespace::new(), Namespace::new());
        let first = host.add("aaaa", &one, vec![]).unwrap();
        let second = host.add("bbbb", &two, vec![]).unwrap();
        assert_eq!(first, ["10.42.0.2".parse::<IpAddr>().unwrap(), "fd42::2".parse().unwrap()]);
        assert_eq!(second, ["10.42.0.3".parse::<IpAddr>().unwrap(), "fd42::3".parse().unwrap()]);
        for (from, to) in first.iter().zip(&second) {
            echo(&two, (*to, 8080).into());
            assert_eq!(one.run(|| ask((*to, 8080).into())).unwrap(), from.to_string());
        }
        assert_eq!(ask((second[0], 8080).into()).unwrap(), "10.42.0.1");
        assert_eq!(host.add("bbbb", &two, vec![]).unwrap(), second, "asked again: the same addresses");
        assert_eq!(one.run(|| ask((second[0], 8080).into())).unwrap(), first[0].to_string());
    });
}

#[test]
fn removal_leaves_nothing_and_may_be_repeated() {
    as_host(|| {
        let host = Host::new();
        let before = (Rtnl::open().unwrap().links().unwrap(), Rtnl::open().unwrap().routes().unwrap());
        let ledger = host.ledger.0.lock().clone();
        let pod = Namespace::new();
        host.add("aaaa", &pod, vec![]).unwrap();
        assert_eq!(Rtnl::open().unwrap().links().unwrap().len(), 2);
        host.remove("aaaa");
        host.remove("aaaa");
        assert_eq!((Rtnl::open().unwrap().links().unwrap(), Rtnl::open().unwrap().routes().unwrap()), before);
        assert_eq!(*host.ledger.0.lock(), ledger);
        assert!(host.net.leases().is_empty());
    });
}

#[test]
fn a_restart_keeps_addresses_and_connections() {
    as_host(|| {
        let mut host = Host::new();
        let (one, two) = (Namespace::new(), Namespace::new());
        let first = host.add("aaaa", &one, vec![]).unwrap();
        echo(&one, (first[0], 80).into());
        std::fs::write(host.data_dir.path().join("network/leases/torn.tmp"), "{").unwrap();
        host.net = start(&host.data_dir, &host.ledger);
        assert_eq!(ask((first[0], 80).into()).unwrap(), "10.42.0.1");
        assert_ne!(host.add("bbbb", &two, vec![]).unwrap(), first);
        host.runtime.block_on(host.net.retain(&["bbbb".to_owned()].into())).unwrap();
        assert_eq!(host.net.leases().len(), 1);
    });
}

#[test]
fn host_ports_reach_the_pod_from_the_host_and_from_itself() {
    as_host(|| {
        let host = Host::new();
        let (one, two) = (Namespace::new(), Namespace::new());
        let port = HostPort { protocol: Protocol::Tcp, container_port: 80, host_port: 8080, host_ip: None };
        let address = host.add("aaaa", &one, vec![port.clone()]).unwrap()[0];
        let other = host.add("bbbb", &two, vec![]).unwrap()[0];
        echo(&one, (address, 80).into());
        let node: SocketAddr = "10.42.0.1:8080".parse().unwrap();
        assert_eq!(ask(node).unwrap(), "10.42.0.1");
        assert_eq!(ask("127.0.0.1:8080".parse().unwrap()).unwrap(), "10.42.0.1");
        assert_eq!(two.run(|| ask(node)).unwrap(), other.to_string(), "the client's address is kept");
        assert_eq!(one.run(|| ask(node)).unwrap(), "10.42.0.1", "hairpin is masqueraded");
        let third = Namespace::new();
        let error = host.add("cccc", &third, vec![port]).unwrap_err();
        assert_eq!(error, "host port 8080/TCP is already used by sandbox aaaa");
        host.remove("aaaa");
        assert!(ask(node).is_err());
    });
}

#[test]
fn loopback_of_the_host_is_closed_to_pods() {
    as_host(|| {
        let host = Host::new();
        let pod = Namespace::new();
        host.add("aaaa", &pod, vec![]).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = listener.local_addr().unwrap();
        // What a Pod with CAP_NET_ADMIN can do: without a loopback address of its own, packets to 127.0.0.1 leave by the default route.
        pod.run(|| {
            crate::sysctl::write("net/ipv4/conf/eth0/route_localnet", "1").unwrap();
            let mut rtnl = Rtnl::open().unwrap();
            let link = rtnl.link("lo").unwrap().unwrap().index;
            rtnl.delete_address(&Address { link, address: "127.0.0.1".parse().unwrap(), prefix: 8, scope: 254 })
                .unwrap();
            assert!(ask(target).is_err());
        });
        crate::ledger::undo(crate::ledger::Made::Table, "inet oxkube").unwrap();
        pod.run(|| {
            TcpStream::connect_timeout(&target, Duration::from_secs(2)).expect("only the table keeps it closed")
        });
    });
}

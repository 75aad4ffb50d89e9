//! Two nodes in namespaces of their own, on one network or behind a router; their Pods' addresses talk.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use k8s_openapi::api::core::v1::Node;
use serde_json::json;

use super::start::GROUPS;
use super::{Local, Mode, Settings, apply, desired};
use crate::ledger::memory::MemoryLedger;
use crate::names::Names;
use crate::netlink::Socket;
use crate::rtnl::{Address, Prefix, Route, Rtnl};
use crate::tests::{Namespace, as_host};

fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

fn node(number: u8, address: &str) -> Node {
    let object = json!({
        "metadata": {"name": format!("n{number}")},
        "spec": {"podCIDRs": [format!("10.42.{number}.0/24"), format!("fd42:0:0:{number}::/64")]},
        "status": {"addresses": [{"type": "Hostname", "address": "x"}, {"type": "InternalIP", "address": address}]},
    });
    serde_json::from_value(object).unwrap()
}

fn settings(number: u8, mode: Mode) -> Settings {
    Settings {
        node_name: format!("n{number}"),
        service_cidrs: vec![prefix("10.43.0.0/16"), prefix("fd43::/112")],
        mode,
    }
}

fn address(rtnl: &mut Rtnl, link: u32, address: &str, prefix: u8) {
    rtnl.add_address(&Address { link, address: address.parse().unwrap(), prefix, scope: 0 }).unwrap();
}

/// Joins the current namespace and `other` by a wire with these addresses; returns the link here.
fn wire(number: u8, other: &Namespace, here: &str, there: &str, length: u8) -> u32 {
    let name = format!("wire{number}");
    let descriptor = std::fs::File::open(other.path()).unwrap();
    let mut rtnl = Rtnl::open().unwrap();
    rtnl.add_veth(&name, [2, 0, 0, number, 0, 1], ("wire", [2, 0, 0, number, 0, 2], Some(descriptor.as_fd())), 1500)
        .unwrap();
    let link = rtnl.link(&name).unwrap().unwrap().index;
    address(&mut rtnl, link, here, length);
    other.run(|| {
        let mut rtnl = Rtnl::open().unwrap();
        let lo = rtnl.link("lo").unwrap().unwrap().index;
        rtnl.set_up(lo).unwrap();
        let link = rtnl.link("wire").unwrap().unwrap().index;
        address(&mut rtnl, link, there, length);
        rtnl.set_up(link).unwrap();
    });
    link
}

fn keep(number: u8, nodes: &[Node], mode: Mode) -> MemoryLedger {
    let ledger = MemoryLedger::default();
    let names = Names::of(Path::new(&format!("/data/{number}")));
    let keep = || {
        let local = Local { addresses: Rtnl::open().unwrap().addresses().unwrap() };
        apply(&desired(&settings(number, mode), nodes.iter(), &local), &names, &ledger).unwrap();
    };
    keep();
    let events = Socket::route().unwrap();
    GROUPS.iter().for_each(|group| events.subscribe(*group).unwrap());
    keep();
    // Events without a port are the kernel's own (duplicate address detection); ours would wake the keeper for ever.
    let heard = std::iter::from_fn(|| events.try_receive().ok()).flatten().find(|event| event.port != 0);
    assert!(heard.is_none(), "applied again, nothing is written: {heard:?}");
    ledger
}

/// Connects from here to a server in `namespace`; what it saw as client.
fn ask(namespace: &Namespace, target: IpAddr) -> String {
    let target = SocketAddr::from((target, 8080));
    let listener = namespace.run(|| TcpListener::bind(target).unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, peer) = listener.accept().unwrap();
        stream.write_all(peer.ip().to_string().as_bytes()).unwrap();
    });
    let mut stream = TcpStream::connect_timeout(&target, Duration::from_secs(3)).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    server.join().unwrap();
    text
}

/// Everything this room made in the current namespace: links of our names and routes of our protocol.
fn made(number: u8) -> (Vec<String>, Vec<String>) {
    let prefix = Names::of(Path::new(&format!("/data/{number}"))).link_prefix().to_owned();
    let mut rtnl = Rtnl::open().unwrap();
    let links =
        rtnl.links().unwrap().into_iter().map(|link| link.name).filter(|name| name.starts_with(&prefix)).collect();
    let routes =
        rtnl.routes().unwrap().into_iter().filter(|(_, ours)| *ours).map(|(route, _)| route.destination.to_string());
    (links, routes.collect())
}

#[test]
fn nodes_on_one_network_use_plain_routes() {
    as_host(|| {
        let other = Namespace::new();
        let link = wire(1, &other, "192.168.9.1", "192.168.9.2", 24);
        crate::sysctl::write("net/ipv4/ip_forward", "1").unwrap();
        let nodes = [node(1, "192.168.9.1"), node(2, "192.168.9.2")];
        let local = Local { addresses: Rtnl::open().unwrap().addresses().unwrap() };
        let wanted = desired(&settings(1, Mode::Auto), nodes.iter(), &local);
        let plain = wanted.peers.iter().find(|peer| peer.range == prefix("10.42.2.0/24")).unwrap();
        assert_eq!((plain.node, plain.link), ("192.168.9.2".parse().unwrap(), Some(link)));
        let four = [node(1, "192.168.9.1"), node(2, "192.168.9.2")].map(|mut node| {
            node.spec.as_mut().unwrap().pod_cidrs.as_mut().unwrap().truncate(1);
            node
        });
        let ledger = keep(1, &four, Mode::Auto);
        assert!(ledger.0.lock().contains("route 10.42.2.0/24"));
        other.run(|| keep(2, &four, Mode::Auto));
        assert_eq!(ask(&other, "10.42.2.1".parse().unwrap()), "192.168.9.1");
        keep(1, &four[..1], Mode::Auto);
        assert_eq!(made(1).1, ["10.43.0.0/16", "fd43::/112"], "the route of a node that is gone goes");
    });
}

#[test]
fn nodes_behind_a_router_use_the_tunnel_in_both_families() {
    as_host(|| {
        crate::sysctl::write("net/ipv4/ip_forward", "1").unwrap();
        let (one, two) = (Namespace::new(), Namespace::new());
        let nodes = [node(1, "192.168.1.2"), node(2, "192.168.2.2")];
        for (number, namespace) in [(1, &one), (2, &two)] {
            let gateway = format!("192.168.{number}.1");
            let link = wire(number, namespace, &gateway, &format!("192.168.{number}.2"), 24);
            Rtnl::open().unwrap().set_up(link).unwrap();
            namespace.run(|| {
                keep(number, &nodes, Mode::Auto);
                // Made after ours, as it carries our protocol number and would be taken for a stale route.
                let mut rtnl = Rtnl::open().unwrap();
                let link = rtnl.link("wire").unwrap().unwrap().index;
                let gateway = Some(gateway.parse().unwrap());
                let default = Route { destination: prefix("0.0.0.0/0"), gateway, link, source: None, onlink: false };
                rtnl.set_route(&default).unwrap();
            });
        }
        assert_eq!(one.run(|| ask(&two, "10.42.2.1".parse().unwrap())), "10.42.1.1");
        assert_eq!(one.run(|| ask(&two, "fd42:0:0:2::1".parse().unwrap())), "fd42:0:0:1::1");
        one.run(|| {
            let vxlan = Names::of(Path::new("/data/1")).vxlan_link();
            assert!(made(1).0.contains(&vxlan));
            keep(1, &nodes[..1], Mode::Auto);
            assert!(!made(1).0.contains(&vxlan), "without a peer there is no tunnel");
        });
    });
}

#[test]
fn the_ledger_undoes_everything() {
    as_host(|| {
        let other = Namespace::new();
        wire(1, &other, "192.168.9.1", "192.168.9.2", 24);
        // The kernel's own link-local routes come and go with duplicate address detection.
        let state = || {
            let mut rtnl = Rtnl::open().unwrap();
            let mut routes = rtnl.routes().unwrap();
            routes.retain(|(route, _)| !prefix("fe80::/10").contains(route.destination.address));
            (rtnl.links().unwrap(), routes)
        };
        let before = state();
        let ledger = keep(1, &[node(1, "192.168.9.1"), node(2, "192.168.9.2")], Mode::Auto);
        assert_ne!(made(1), (vec![], vec![]));
        for entry in ledger.0.lock().iter() {
            let (kind, id) = entry.split_once(' ').unwrap();
            crate::ledger::undo(crate::ledger::Made::parse(kind).unwrap(), id).unwrap();
        }
        assert_eq!(state(), before);
        assert_eq!(crate::sysctl::read("net/ipv4/conf/wire1/route_localnet").unwrap(), "0");
    });
}

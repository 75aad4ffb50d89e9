//! Services in a real kernel, with real packets: a node, Pods on it, and a machine outside the cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use serde_json::{Value, json};

use super::super::{Proxier, ServiceKey, desired, foreign, stale};
use super::node;
use crate::ledger::memory::MemoryLedger;
use crate::pods::{Config, PodNet, Sandbox};
use crate::rtnl::{Address, Prefix, Route, Rtnl};
use crate::table::{Cidrs, Table, skeleton};
use crate::tests::{Namespace, as_host, output};

const NODE: &str = "192.168.7.1";
const OUTSIDER: &str = "192.168.7.9";

struct Cluster {
    table: Arc<Table>,
    proxier: Proxier,
    pods: Vec<(IpAddr, Namespace)>,
    outside: Namespace,
    _data_dir: tempfile::TempDir,
}

fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

impl Cluster {
    /// A node with address NODE on a wire to OUTSIDER, and `count` Pods, each answering on TCP and UDP 80 with its own and its
    /// client's address.
    fn new(count: usize) -> Self {
        let data_dir = tempfile::tempdir().unwrap();
        let ledger = Arc::new(MemoryLedger::default());
        let cidrs = Cidrs {
            cluster: vec![prefix("10.42.0.0/16")],
            services: vec![prefix("10.43.0.0/16")],
            node: vec![prefix("10.42.0.0/24")],
        };
        let names = crate::names::Names::of(data_dir.path());
        let table = Arc::new(Table::open("test".into(), skeleton(&cidrs, names.link_prefix()), &*ledger).unwrap());
        let outside = wire();
        let config = Config { data_dir: data_dir.path().to_owned(), ledger, table: table.clone(), mtu: None };
        let net = PodNet::start(config).unwrap();
        net.set_ranges(cidrs.node.clone()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let pods = (0..count).map(|number| {
            let namespace = Namespace::new();
            let sandbox = Sandbox { id: format!("pod{number}"), netns_path: namespace.path(), ..Sandbox::default() };
            let address = runtime.block_on(net.add(&sandbox)).unwrap()[0];
            serve(&namespace, address);
            (address, namespace)
        });
        let pods = pods.collect();
        Self { table, proxier: Proxier::new(cidrs.cluster), pods, outside, _data_dir: data_dir }
    }

    fn addresses(&self) -> BTreeSet<String> {
        self.pods.iter().map(|(address, _)| address.to_string()).collect()
    }

    /// Applies Service default/web with these Pods (by number) as endpoints; all are on this node but those in `elsewhere`.
    fn apply(&mut self, spec: Value, status: Value, endpoints: &[usize], elsewhere: &[usize]) {
        let service: Service = serde_json::from_value(
            json!({"metadata": {"name": "web", "namespace": "default"}, "spec": spec, "status": status}),
        )
        .unwrap();
        let endpoint = |number: &usize| {
            let node = if elsewhere.contains(number) { "there" } else { "here" };
            json!({"addresses": [self.pods[*number].0], "nodeName": node})
        };
        let ports = json!([{"name": "tcp", "port": 80}, {"name": "udp", "port": 80, "protocol": "UDP"}]);
        let slice = json!({"addressType": "IPv4", "ports": ports, "endpoints": endpoints.iter().map(endpoint).collect::<Vec<_>>()});
        let slice: EndpointSlice = serde_json::from_value(slice).unwrap();
        let mut change =
            self.proxier.set_service(&ServiceKey::new("default", "web"), desired(&service, &[&slice], &node()));
        self.table.apply(std::mem::take(&mut change.delta)).unwrap();
        stale::cut(&self.table, &change).unwrap();
    }

    fn pod<T: Send>(&self, number: usize, work: impl FnOnce() -> T + Send) -> T {
        self.pods[number].1.run(work)
    }
}

/// Puts NODE on a veth whose other end is OUTSIDER in a namespace of its own, and gives the host a way to service addresses.
fn wire() -> Namespace {
    let outside = Namespace::new();
    let descriptor = std::fs::File::open(outside.path()).unwrap();
    let mut rtnl = Rtnl::open().unwrap();
    rtnl.add_veth("wire0", [2, 0, 0, 0, 0, 1], ("wire1", [2, 0, 0, 0, 0, 2], Some(descriptor.as_fd())), 1500).unwrap();
    let end = |name: &str, address: &str| {
        let mut rtnl = Rtnl::open().unwrap();
        let link = rtnl.link(name).unwrap().unwrap().index;
        rtnl.add_address(&Address { link, address: address.parse().unwrap(), prefix: 24, scope: 0 }).unwrap();
        rtnl.set_up(link).unwrap();
        link
    };
    let link = end("wire0", NODE);
    outside.run(|| {
        let link = end("wire1", OUTSIDER);
        let gateway = Some(NODE.parse().unwrap());
        let default = Route { destination: prefix("0.0.0.0/0"), gateway, link, source: None, onlink: false };
        Rtnl::open().unwrap().set_route(&default).unwrap();
    });
    let services = Route { destination: prefix("10.43.0.0/16"), gateway: None, link, source: None, onlink: false };
    rtnl.set_route(&services).unwrap();
    outside
}

/// TCP and UDP servers on port 80 that answer "own-address client-address".
fn serve(namespace: &Namespace, address: IpAddr) {
    let (listener, socket) =
        namespace.run(|| (TcpListener::bind((address, 80)).unwrap(), UdpSocket::bind((address, 80)).unwrap()));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let text = format!("{address} {}", stream.peer_addr().unwrap().ip());
            stream.write_all(text.as_bytes()).unwrap();
        }
    });
    std::thread::spawn(move || {
        let mut buffer = [0; 64];
        while let Ok((_, peer)) = socket.recv_from(&mut buffer) {
            socket.send_to(format!("{address} {}", peer.ip()).as_bytes(), peer).unwrap();
        }
    });
}

/// (server, client as the server saw it).
fn ask(target: &str) -> std::io::Result<(String, String)> {
    let target: SocketAddr = target.parse().unwrap();
    let mut stream = TcpStream::connect_timeout(&target, Duration::from_millis(800))?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (server, client) = text.split_once(' ').unwrap();
    Ok((server.into(), client.into()))
}

fn servers(target: &str, times: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for _ in 0..times {
        *counts.entry(ask(target).unwrap().0).or_default() += 1;
    }
    counts
}

fn refused(target: &str) -> ErrorKind {
    ask(target).unwrap_err().kind()
}

fn cluster_ip() -> Value {
    json!({"clusterIP": "10.43.0.5", "ports": [{"name": "tcp", "port": 80}, {"name": "udp", "port": 80, "protocol": "UDP"}]})
}

fn with(mut spec: Value, more: Value) -> Value {
    spec.as_object_mut().unwrap().append(&mut more.as_object().unwrap().clone());
    spec
}

#[test]
fn a_cluster_ip_balances_and_keeps_the_pods_address() {
    as_host(|| {
        let mut cluster = Cluster::new(3);
        cluster.apply(cluster_ip(), json!({}), &[0, 1, 2], &[]);
        let counts = cluster.pod(0, || servers("10.43.0.5:80", 90));
        assert_eq!(counts.keys().cloned().collect::<BTreeSet<_>>(), cluster.addresses());
        // 90 tries over three: less than 10 at one would be a chance below 1 in 10,000.
        assert!(counts.values().all(|count| *count >= 10), "{counts:?}");
        let from_pod = cluster.pod(0, || (0..20).map(|_| ask("10.43.0.5:80").unwrap()).collect::<Vec<_>>());
        let own = cluster.pods[0].0.to_string();
        for (server, client) in from_pod {
            assert_eq!(client == own, server != own, "only the way back to itself is masqueraded: {server} {client}");
        }
        assert_eq!(servers("10.43.0.5:80", 40).len(), 3, "from the host");
        assert_eq!(cluster.outside.run(|| ask("10.43.0.5:80").unwrap().1), NODE, "off-cluster clients are masqueraded");
    });
}

#[test]
fn changes_take_effect_and_no_endpoint_means_refused() {
    as_host(|| {
        let mut cluster = Cluster::new(3);
        for endpoints in [&[0, 1, 2][..], &[1, 2], &[2], &[0, 2]] {
            cluster.apply(cluster_ip(), json!({}), endpoints, &[]);
            let expected: BTreeSet<String> =
                endpoints.iter().map(|number| cluster.pods[*number].0.to_string()).collect();
            assert_eq!(servers("10.43.0.5:80", 40).into_keys().collect::<BTreeSet<_>>(), expected);
        }
        cluster.apply(cluster_ip(), json!({}), &[], &[]);
        for _ in 0..2 {
            assert_eq!(refused("10.43.0.5:80"), ErrorKind::ConnectionRefused, "from the host");
            assert_eq!(cluster.pod(0, || refused("10.43.0.5:80")), ErrorKind::ConnectionRefused, "from a Pod");
            assert_eq!(cluster.outside.run(|| refused("10.43.0.5:80")), ErrorKind::ConnectionRefused, "from outside");
        }
        assert_eq!(refused("10.43.9.9:80"), ErrorKind::ConnectionRefused, "a service address nobody has");
    });
}

#[test]
fn node_ports_answer_on_every_address_of_the_node() {
    as_host(|| {
        let mut cluster = Cluster::new(2);
        let ports = json!({"type": "NodePort", "ports": [{"name": "tcp", "port": 80, "nodePort": 30080}]});
        cluster.apply(with(cluster_ip(), ports.clone()), json!({}), &[0, 1], &[]);
        let node = format!("{NODE}:30080");
        for target in [node.as_str(), "127.0.0.1:30080"] {
            assert_eq!(servers(target, 30).len(), 2, "{target} from the host");
        }
        assert_eq!(cluster.outside.run(|| servers(&node, 30)).len(), 2);
        assert_eq!(cluster.outside.run(|| ask(&node).unwrap().1), NODE, "policy Cluster masquerades");
        assert_eq!(cluster.pod(0, || servers(&node, 30)).len(), 2, "from a Pod, itself included");
        cluster.apply(with(cluster_ip(), ports), json!({}), &[], &[]);
        assert_eq!(cluster.outside.run(|| refused(&node)), ErrorKind::ConnectionRefused);
        assert_eq!(refused(&node), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn external_policy_local_keeps_the_clients_address() {
    as_host(|| {
        let mut cluster = Cluster::new(2);
        let ports = json!({"type": "NodePort", "externalTrafficPolicy": "Local", "ports": [{"name": "tcp", "port": 80, "nodePort": 30080}]});
        let node = format!("{NODE}:30080");
        cluster.apply(with(cluster_ip(), ports.clone()), json!({}), &[0, 1], &[1]);
        let local = cluster.pods[0].0.to_string();
        for _ in 0..10 {
            assert_eq!(cluster.outside.run(|| ask(&node).unwrap()), (local.clone(), OUTSIDER.to_owned()));
        }
        assert_eq!(servers(&node, 30).len(), 2, "the node itself uses all");
        assert_eq!(cluster.pod(0, || servers(&node, 30)).len(), 2, "Pods use all");
        cluster.apply(with(cluster_ip(), ports), json!({}), &[1], &[1]);
        assert_eq!(cluster.outside.run(|| refused(&node)), ErrorKind::TimedOut, "no local endpoint: silence");
    });
}

#[test]
fn load_balancer_and_external_addresses_with_source_ranges() {
    as_host(|| {
        let mut cluster = Cluster::new(1);
        let status = json!({"loadBalancer": {"ingress": [{"ip": "203.0.113.9"}]}});
        let spec = |ranges: Value| {
            with(
                cluster_ip(),
                json!({"type": "LoadBalancer", "externalIPs": ["198.51.100.4"], "loadBalancerSourceRanges": ranges}),
            )
        };
        cluster.apply(spec(json!(["192.168.0.0/16", "10.9.0.0/24"])), status.clone(), &[0], &[]);
        assert!(cluster.outside.run(|| ask("203.0.113.9:80")).is_ok());
        assert!(cluster.outside.run(|| ask("198.51.100.4:80")).is_ok());
        cluster.apply(spec(json!(["10.9.0.0/24"])), status, &[0], &[]);
        assert_eq!(cluster.outside.run(|| refused("203.0.113.9:80")), ErrorKind::TimedOut);
        assert!(cluster.outside.run(|| ask("198.51.100.4:80")).is_ok(), "ranges hold for load balancer addresses only");
    });
}

#[test]
fn a_client_stays_with_its_endpoint_until_it_goes() {
    as_host(|| {
        let mut cluster = Cluster::new(3);
        let spec = || with(cluster_ip(), json!({"sessionAffinity": "ClientIP"}));
        cluster.apply(spec(), json!({}), &[0, 1, 2], &[]);
        let first = cluster.outside.run(|| servers("10.43.0.5:80", 20));
        assert_eq!(first.len(), 1, "{first:?}");
        let held = first.into_keys().next().unwrap();
        cluster.table.assert().unwrap();
        assert_eq!(cluster.outside.run(|| ask("10.43.0.5:80").unwrap().0), held, "kept over a rewrite of the table");
        let others: Vec<usize> = (0..3).filter(|number| cluster.pods[*number].0.to_string() != held).collect();
        cluster.apply(spec(), json!({}), &others, &[]);
        let second = cluster.outside.run(|| servers("10.43.0.5:80", 20));
        assert!(second.len() == 1 && !second.contains_key(&held), "{second:?}");
    });
}

#[test]
fn nft_prints_the_table_of_services_with_affinity() {
    as_host(|| {
        let cluster = Cluster::new(0);
        let mut proxier = Proxier::new(vec![prefix("10.42.0.0/16")]);
        for (family, kind, address, pod) in
            [("IPv4", "IPv4", "10.43.0.5", "10.42.0.2"), ("IPv6", "IPv6", "fd00:43::5", "fd00:42::2")]
        {
            let spec = json!({"clusterIP": address, "clusterIPs": [address], "ipFamilies": [family], "type": "NodePort",
                "sessionAffinity": "ClientIP", "ports": [{"name": "tcp", "port": 80, "nodePort": 30080}]});
            let service: Service = serde_json::from_value(json!({"metadata": {}, "spec": spec})).unwrap();
            let slice: EndpointSlice = serde_json::from_value(
                json!({"addressType": kind, "ports": [{"name": "tcp", "port": 80}], "endpoints": [{"addresses": [pod]}]}),
            )
            .unwrap();
            let key = ServiceKey::new("default", family.to_lowercase());
            cluster.table.apply(proxier.set_service(&key, desired(&service, &[&slice], &node())).delta).unwrap();
        }
        let Some(printed) = output("nft", &["list", "ruleset"]) else { return };
        for (set, ip) in [("@affinity4", "ip"), ("@affinity6", "ip6")] {
            let note = printed.lines().find(|line| line.trim().starts_with(&format!("update {set} {{")));
            let key = format!(" . ct original {ip} daddr . meta l4proto . ct original proto-dst timeout 3h : ");
            assert!(note.is_some_and(|note| note.contains(&key)), "{set} and {key:?} in {printed}");
        }
    });
}

#[test]
fn udp_clients_of_a_removed_endpoint_are_sent_on() {
    as_host(|| {
        let mut cluster = Cluster::new(2);
        cluster.apply(cluster_ip(), json!({}), &[0], &[]);
        let client = UdpSocket::bind("0.0.0.0:0").unwrap();
        client.connect("10.43.0.5:80").unwrap();
        client.set_read_timeout(Some(Duration::from_millis(800))).unwrap();
        let ask = || {
            let mut buffer = [0; 64];
            client.send(b"?").unwrap();
            let length = client.recv(&mut buffer).unwrap();
            String::from_utf8_lossy(&buffer[..length]).split(' ').next().unwrap().to_owned()
        };
        assert_eq!(ask(), cluster.pods[0].0.to_string());
        cluster.apply(cluster_ip(), json!({}), &[1], &[]);
        assert_eq!(ask(), cluster.pods[1].0.to_string());
    });
}

#[test]
fn a_restart_adopts_the_table_and_serves_all_the_while() {
    as_host(|| {
        let mut cluster = Cluster::new(1);
        cluster.apply(cluster_ip(), json!({}), &[0], &[]);
        let ledger = MemoryLedger::default();
        let table = Table::open("test".into(), skeleton(&Cidrs::default(), "oxother"), &ledger).unwrap();
        assert!(ask("10.43.0.5:80").is_ok(), "adopted as it is");
        table.settle(crate::table::Delta::default()).unwrap();
        assert!(ask("10.43.0.5:80").is_err(), "settled without the Service");
    });
}

#[test]
fn a_firewall_that_drops_by_default_lets_pods_pass() {
    as_host(|| {
        let cluster = Cluster::new(2);
        let target = format!("{}:80", cluster.pods[1].0);
        let firewall = "table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; }; }";
        if output("nft", &[firewall]).is_none() {
            eprintln!("no nft on this machine: nothing to check against");
            return;
        }
        assert!(cluster.pod(0, || ask(&target)).is_err());
        let ledger = MemoryLedger::default();
        for _ in 0..2 {
            foreign::let_pods_pass(cluster.table.id(), &ledger).unwrap();
            assert!(cluster.pod(0, || ask(&target)).is_ok());
            let listing = output("nft", &["list", "chain", "ip", "filter", "FORWARD"]).unwrap();
            assert_eq!(listing.matches("comment \"oxkube\"").count(), 1, "{listing}");
        }
        assert_eq!(*ledger.0.lock(), ["nft-rule ip filter FORWARD".to_owned()].into());
        crate::ledger::undo(crate::ledger::Made::Rule, "ip filter FORWARD").unwrap();
        assert!(cluster.pod(0, || ask(&target)).is_err());
    });
}

#[test]
fn a_thousand_services_go_in_fast_in_one_transaction() {
    as_host(|| {
        let cluster = Cluster::new(0);
        let mut proxier = Proxier::new(vec![prefix("10.42.0.0/16")]);
        let mut delta = crate::table::Delta::default();
        for number in 0..1000_u32 {
            let [_, _, high, low] = number.to_be_bytes();
            let spec = json!({"clusterIP": format!("10.43.{high}.{low}"), "ports": [{"name": "tcp", "port": 80}]});
            let service: Service = serde_json::from_value(json!({"metadata": {}, "spec": spec})).unwrap();
            let endpoints = json!([{"addresses": ["10.42.0.2"]}, {"addresses": ["10.42.0.3"]}]);
            let slice: EndpointSlice = serde_json::from_value(
                json!({"addressType": "IPv4", "ports": [{"name": "tcp", "port": 80}], "endpoints": endpoints}),
            )
            .unwrap();
            let key = ServiceKey::new("default", format!("s{number}"));
            delta.extend(proxier.set_service(&key, desired(&service, &[&slice], &node())).delta);
        }
        let started = Instant::now();
        cluster.table.settle(delta).unwrap();
        let took = started.elapsed();
        println!("1,000 services: {took:?}");
        assert!(took < Duration::from_millis(200), "{took:?}");
        let started = Instant::now();
        let mut change = proxier.set_service(&ServiceKey::new("default", "s7"), super::frontends([9, 10, 11]));
        cluster.table.apply(std::mem::take(&mut change.delta)).unwrap();
        println!("one more: {:?}", started.elapsed());
    });
}

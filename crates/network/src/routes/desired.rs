//! Node objects and this host's addresses -> the links, routes and neighbours a node needs. Pure.

use std::collections::BTreeSet;
use std::net::IpAddr;

use k8s_openapi::api::core::v1::Node;

use crate::pods::node_address;
use crate::rtnl::{Address, Prefix};
use crate::table::Family;

/// How nodes reach each other's Pods.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// By plain routes on one L2 network, else VXLAN.
    #[default]
    Auto,
    /// VXLAN always (for networks that drop foreign addresses).
    Vxlan,
}

/// What does not change while the node runs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// This node's name.
    pub node_name: String,
    /// Ranges of service addresses.
    pub service_cidrs: Vec<Prefix>,
    /// How to reach other nodes.
    pub mode: Mode,
}

/// What is known of this host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Local {
    /// Its addresses with their links.
    pub addresses: Vec<Address>,
}

/// Another node's Pods in one family.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Peer {
    /// Their range.
    pub range: Prefix,
    /// The node's address.
    pub node: IpAddr,
    /// The hardware address of its tunnel.
    pub mac: [u8; 6],
    /// The link where the node is a neighbour; none: through the tunnel.
    pub link: Option<u32>,
}

/// What this node needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Desired {
    /// Its own ranges.
    pub ranges: Vec<Prefix>,
    /// Its own address and the link that has it, for the tunnel.
    pub own: Option<(IpAddr, u32)>,
    /// Ranges of service addresses.
    pub service_cidrs: Vec<Prefix>,
    /// Other nodes' ranges.
    pub peers: BTreeSet<Peer>,
}

/// What this node needs, by the Node objects.
pub fn desired<'a>(settings: &Settings, nodes: impl Iterator<Item = &'a Node>, local: &Local) -> Desired {
    let mut desired = Desired { service_cidrs: settings.service_cidrs.clone(), ..Desired::default() };
    for node in nodes {
        let (ranges, addresses) = (ranges(node), internal_addresses(node));
        if node.metadata.name.as_ref() == Some(&settings.node_name) {
            desired.ranges = ranges;
            desired.own = addresses.iter().find_map(|address| Some((*address, local.holder(*address)?)));
        } else {
            let Some(mac) = ranges.first().map(tunnel_mac) else { continue };
            desired.peers.extend(ranges.iter().filter_map(|range| peer(settings, (*range, mac), &addresses, local)));
        }
    }
    desired
}

/// A plain route needs a next hop of the range's own family; a tunnel takes either.
fn peer(settings: &Settings, (range, mac): (Prefix, [u8; 6]), addresses: &[IpAddr], local: &Local) -> Option<Peer> {
    let same_family = addresses.iter().copied().find(|address| Family::of(*address) == Family::of(range.address));
    let neighbour = same_family
        .filter(|_| settings.mode == Mode::Auto)
        .and_then(|address| Some((address, local.neighbour(address)?)));
    match neighbour {
        Some((node, link)) => Some(Peer { range, node, mac, link: Some(link) }),
        None => addresses.first().map(|node| Peer { range, node: *node, mac, link: None }),
    }
}

fn ranges(node: &Node) -> Vec<Prefix> {
    let spec = node.spec.as_ref();
    let all = spec.and_then(|spec| spec.pod_cidrs.clone()).filter(|list| !list.is_empty());
    let all = all.or_else(|| spec.and_then(|spec| spec.pod_cidr.clone()).map(|range| vec![range]));
    all.into_iter().flatten().filter_map(|text| text.parse().ok()).collect()
}

fn internal_addresses(node: &Node) -> Vec<IpAddr> {
    let addresses = node.status.as_ref().and_then(|status| status.addresses.as_ref());
    let internal = addresses.into_iter().flatten().filter(|address| address.type_ == "InternalIP");
    internal.filter_map(|address| address.address.parse().ok()).collect()
}

impl Local {
    /// The link that has this address.
    fn holder(&self, address: IpAddr) -> Option<u32> {
        self.addresses.iter().find(|own| own.address == address).map(|own| own.link)
    }

    /// The link on whose network the address is.
    fn neighbour(&self, address: IpAddr) -> Option<u32> {
        let on_network = |own: &&Address| {
            own.prefix < Prefix::host(own.address).length && Prefix::new(own.address, own.prefix).contains(address)
        };
        self.addresses.iter().find(on_network).map(|own| own.link)
    }
}

impl Peer {
    /// The tunnel's next hop: the node's own address in its range.
    pub fn gateway(&self) -> Option<IpAddr> {
        node_address(&self.range)
    }
}

/// The hardware address of the tunnel of the node whose first range this is: every node can compute every other's.
pub fn tunnel_mac(range: &Prefix) -> [u8; 6] {
    let octets = range.octets();
    let significant = if octets.len() == 4 { &octets[..] } else { &octets[4..8] };
    [0x02, 0x6f, significant[0], significant[1], significant[2], significant[3]]
}

//! Makes links, addresses, routes and neighbours as desired; what is ours and no longer wanted goes.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::desired::{Desired, Peer, tunnel_mac};
use crate::error::NetworkError;
use crate::ledger::{Ledger, Made};
use crate::names::Names;
use crate::pods::node_address;
use crate::rtnl::{Address, Neighbour, Prefix, Route, Rtnl, Vxlan};
use crate::sysctl;
use crate::table::Family;

/// The port of Linux' and flannel's VXLAN, which people's firewalls already know.
const VXLAN_PORT: u16 = 8472;
/// Our network identifier, unlike flannel's 1.
const VXLAN_ID: u32 = 1037;
/// Outer headers: over IPv4 and over IPv6.
const OVERHEAD: [u32; 2] = [50, 70];

/// Applies what is desired in the current namespace.
pub fn apply(desired: &Desired, names: &Names, ledger: &dyn Ledger) -> Result<(), NetworkError> {
    let mut rtnl = Rtnl::open()?;
    let record = |made: Made, id: &str| {
        let kind = made.as_str();
        ledger.record(kind, id).map_err(|source| NetworkError::Ledger { kind, id: id.to_owned(), source })
    };
    let service = service_link(&mut rtnl, names, &record)?;
    own_addresses(&mut rtnl, service, &desired.ranges)?;
    let tunnel = tunnel(&mut rtnl, desired, names, &record)?;
    if let Some(link) = tunnel {
        own_addresses(&mut rtnl, link, &desired.ranges)?;
    }
    let routes = routes(desired, service, tunnel);
    for route in routes.iter().filter(|route| Some(route.link) != tunnel && route.link != service) {
        record(Made::Route, &route.destination.to_string())?;
        by_plain_link(&mut rtnl, route.link, ledger)?;
    }
    for neighbour in neighbours(desired, tunnel) {
        rtnl.set_neighbour(&neighbour)?;
    }
    let present: BTreeSet<Route> = rtnl
        .routes()?
        .into_iter()
        .filter(|(route, ours)| *ours && is_node_route(route, service, tunnel))
        .map(|(route, _)| route)
        .collect();
    for stale in present.iter().filter(|route| !routes.iter().any(|wanted| wanted.destination == route.destination)) {
        rtnl.delete_route(stale)?;
        let kind = Made::Route.as_str();
        let id = stale.destination.to_string();
        ledger.forget(kind, &id).map_err(|source| NetworkError::Ledger { kind, id, source })?;
    }
    for route in routes.difference(&present) {
        rtnl.set_route(route)?;
    }
    forget_neighbours(&mut rtnl, desired, tunnel)
}

/// Routes of Pods go by their own links without a gateway; all other routes of ours are of this file.
fn is_node_route(route: &Route, service: u32, tunnel: Option<u32>) -> bool {
    route.gateway.is_some() || route.link == service || Some(route.link) == tunnel
}

fn routes(desired: &Desired, service: u32, tunnel: Option<u32>) -> BTreeSet<Route> {
    let source = |family_of: IpAddr| {
        let own = desired.ranges.iter().find(|range| Family::of(range.address) == Family::of(family_of));
        own.and_then(node_address)
    };
    let to_services = desired.service_cidrs.iter().map(|cidr| Route {
        destination: *cidr,
        gateway: None,
        link: service,
        source: source(cidr.address),
        onlink: false,
    });
    let to_peers = desired.peers.iter().filter_map(|peer| match (peer.link, tunnel) {
        (Some(link), _) => {
            Some(Route { destination: peer.range, gateway: Some(peer.node), link, source: None, onlink: false })
        }
        (None, Some(link)) => Some(Route {
            destination: peer.range,
            gateway: peer.gateway(),
            link,
            source: source(peer.range.address),
            onlink: true,
        }),
        (None, None) => None,
    });
    to_services.chain(to_peers).collect()
}

/// For each node behind the tunnel: its address there, and where its tunnel ends.
fn neighbours(desired: &Desired, tunnel: Option<u32>) -> BTreeSet<Neighbour> {
    let mut all = BTreeSet::new();
    let Some(link) = tunnel else { return all };
    for peer in desired.peers.iter().filter(|peer| peer.link.is_none()) {
        let mac = peer.mac;
        all.extend(peer.gateway().map(|address| Neighbour { link, address, mac, forwarding: false }));
        all.insert(Neighbour { link, address: peer.node, mac, forwarding: true });
    }
    all
}

fn forget_neighbours(rtnl: &mut Rtnl, desired: &Desired, tunnel: Option<u32>) -> Result<(), NetworkError> {
    let Some(link) = tunnel else { return Ok(()) };
    let wanted = neighbours(desired, tunnel);
    for stale in rtnl.neighbours(link)?.iter().filter(|neighbour| !wanted.contains(neighbour)) {
        rtnl.delete_neighbour(stale)?;
    }
    Ok(())
}

type Record<'a> = &'a dyn Fn(Made, &str) -> Result<(), NetworkError>;

/// A veth pair with both ends here: packets to service addresses are rewritten before they would leave by it.
fn service_link(rtnl: &mut Rtnl, names: &Names, record: Record) -> Result<u32, NetworkError> {
    let (name, peer) = (names.service_link(), names.service_peer());
    if rtnl.link(&name)?.is_none() {
        record(Made::Link, &name)?;
        rtnl.add_veth(&name, names.mac("service"), (&peer, names.mac("service-peer"), None), 65_535)?;
    }
    let link = |rtnl: &mut Rtnl, name: String| rtnl.link(&name)?.ok_or(NetworkError::LinkMissing(name));
    let far = link(rtnl, peer)?;
    rtnl.set_up(far.index)?;
    let near = link(rtnl, name)?;
    rtnl.set_up(near.index)?;
    Ok(near.index)
}

/// The node's own address in each of its ranges: the source of what the node sends to Pods and Services.
fn own_addresses(rtnl: &mut Rtnl, link: u32, ranges: &[Prefix]) -> Result<(), NetworkError> {
    let wanted: Vec<IpAddr> = ranges.iter().filter_map(node_address).collect();
    let mut held = rtnl.addresses()?;
    held.retain(|held| held.link == link && held.scope == 0);
    for stale in held.iter().filter(|held| !wanted.contains(&held.address)) {
        rtnl.delete_address(stale)?;
    }
    // Written again, an address is an event of the kernel's, which would bring us here again.
    for address in wanted.into_iter().filter(|address| held.iter().all(|held| held.address != *address)) {
        rtnl.add_address(&Address { link, address, prefix: Prefix::host(address).length, scope: 0 })?;
    }
    Ok(())
}

/// The tunnel, if a peer needs it. One of other settings (the node's address changed) is made anew.
fn tunnel(rtnl: &mut Rtnl, desired: &Desired, names: &Names, record: Record) -> Result<Option<u32>, NetworkError> {
    let name = names.vxlan_link();
    let needed = desired.peers.iter().any(|peer: &Peer| peer.link.is_none());
    let (Some((local, device)), Some(range), true) = (desired.own, desired.ranges.first(), needed) else {
        rtnl.delete_link(&name)?;
        return Ok(None);
    };
    let mtu = rtnl.links()?.iter().find(|link| link.index == device).map_or(1500, |link| link.mtu);
    let mtu = mtu.saturating_sub(OVERHEAD[usize::from(local.is_ipv6())]);
    let wanted = Vxlan { id: VXLAN_ID, local, port: VXLAN_PORT, device, mac: tunnel_mac(range), mtu };
    let held = rtnl.link(&name)?;
    let same = held
        .as_ref()
        .is_some_and(|link| link.vxlan == Some((VXLAN_ID, Some(local), VXLAN_PORT)) && link.mac == wanted.mac);
    if !same {
        rtnl.delete_link(&name)?;
        record(Made::Link, &name)?;
        rtnl.add_vxlan(&name, &wanted)?;
        for (setting, value) in [("rp_filter", "2"), ("route_localnet", "1"), ("forwarding", "1")] {
            let path = format!("net/ipv4/conf/{name}/{setting}");
            sysctl::write(&path, value).map_err(|source| NetworkError::Sysctl { path, source })?;
        }
    }
    let link = rtnl.link(&name)?.ok_or(NetworkError::LinkMissing(name))?;
    Ok(Some(link.index))
}

/// Node ports on 127.0.0.1 may lead to a Pod behind a link that is not ours; the table drops loopback addresses from outside.
fn by_plain_link(rtnl: &mut Rtnl, link: u32, ledger: &dyn Ledger) -> Result<(), NetworkError> {
    let links = rtnl.links()?;
    let name = &links
        .iter()
        .find(|found| found.index == link)
        .ok_or_else(|| NetworkError::LinkMissing(link.to_string()))?
        .name;
    // A dot in a link's name (a VLAN) is no separator here: these are paths.
    let path = format!("net/ipv4/conf/{name}/route_localnet");
    sysctl::set_recorded(ledger, &path, "1").map_err(|source| NetworkError::Sysctl { path, source })
}

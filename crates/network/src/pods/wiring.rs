//! Making and removing the links, addresses, routes and neighbours of one sandbox.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd;
use std::path::Path;

use super::lease::Lease;
use crate::error::NetworkError;
use crate::names::Names;
use crate::netlink::in_namespace;
use crate::rtnl::{Address, Neighbour, Prefix, Route, Rtnl};
use crate::sysctl;

/// The gateway every Pod sees; nobody has the address, the Pod knows its hardware address.
const GATEWAY4: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 1, 1));
const GATEWAY6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1));
/// The Pod's link.
const POD_LINK: &str = "eth0";
const SCOPE_UNIVERSE: u8 = 0;

/// Connects the sandbox whose namespace is at `namespace`. What an earlier, unfinished try left is removed first.
pub fn connect(names: &Names, lease: &Lease, namespace: &Path, mtu: u32) -> Result<(), NetworkError> {
    let (host_mac, pod_mac) = (names.mac("gateway"), names.mac(&lease.sandbox));
    let mut host = Rtnl::open()?;
    host.delete_link(&lease.link)?;
    remove_leftover(namespace)?;
    let descriptor = File::open(namespace).map_err(NetworkError::file("open network namespace", namespace))?;
    host.add_veth(&lease.link, host_mac, (POD_LINK, pod_mac, Some(descriptor.as_fd())), mtu)?;
    in_namespace(namespace, || inside(lease, host_mac))?;
    outside(&mut host, lease, pod_mac)
}

/// A Pod's end can outlive the host's end only if somebody moved it; the name must be free.
fn remove_leftover(namespace: &Path) -> Result<(), NetworkError> {
    Ok(Rtnl::open_in(namespace)?.delete_link(POD_LINK)?)
}

/// In the Pod: loopback, addresses, the gateway as a permanent neighbour, the default route.
fn inside(lease: &Lease, gateway_mac: [u8; 6]) -> Result<(), NetworkError> {
    let mut pod = Rtnl::open()?;
    let links = pod.links()?;
    let loopback = links.iter().find(|link| link.loopback).ok_or_else(|| NetworkError::LinkMissing("lo".to_owned()))?;
    let link = links
        .iter()
        .find(|link| link.name == POD_LINK)
        .ok_or_else(|| NetworkError::LinkMissing(POD_LINK.to_owned()))?
        .index;
    pod.set_up(loopback.index)?;
    if lease.addresses.iter().any(IpAddr::is_ipv6) {
        // The host answers router solicitations for nobody; advertisements from elsewhere must not change our route.
        set(&format!("net/ipv6/conf/{POD_LINK}/accept_ra"), "0")?;
    }
    for address in &lease.addresses {
        let prefix = Prefix::host(*address).length;
        pod.add_address(&Address { link, address: *address, prefix, scope: SCOPE_UNIVERSE })?;
    }
    pod.set_up(link)?;
    for address in &lease.addresses {
        let gateway = if address.is_ipv4() { GATEWAY4 } else { GATEWAY6 };
        pod.set_neighbour(&Neighbour { link, address: gateway, mac: gateway_mac, forwarding: false })?;
        let default =
            Route { destination: Prefix::all(gateway), gateway: Some(gateway), link, source: None, onlink: true };
        pod.set_route(&default)?;
    }
    Ok(())
}

/// On the host: one route and one permanent neighbour per address, and the link's own settings (they go with the link).
fn outside(host: &mut Rtnl, lease: &Lease, pod_mac: [u8; 6]) -> Result<(), NetworkError> {
    let name = &lease.link;
    let link = host.link(name)?.ok_or_else(|| NetworkError::LinkMissing(name.clone()))?.index;
    set(&format!("net/ipv4/conf/{name}/rp_filter"), "2")?;
    set(&format!("net/ipv4/conf/{name}/forwarding"), "1")?;
    // Host ports and node ports answer on 127.0.0.1 too; the table drops loopback addresses from outside.
    set(&format!("net/ipv4/conf/{name}/route_localnet"), "1")?;
    for address in &lease.addresses {
        host.set_neighbour(&Neighbour { link, address: *address, mac: pod_mac, forwarding: false })?;
        let route = Route { destination: Prefix::host(*address), gateway: None, link, source: None, onlink: false };
        host.set_route(&route)?;
    }
    Ok(())
}

fn set(path: &str, value: &str) -> Result<(), NetworkError> {
    sysctl::write(path, value).map_err(|source| NetworkError::Sysctl { path: path.to_owned(), source })
}

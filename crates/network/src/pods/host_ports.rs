//! Host ports of Pods as elements of the table. Pure.

use std::net::IpAddr;

use super::lease::{HostPort, Lease};
use crate::nft::{Element, Key, Value};
use crate::table::{Family, names, steps};

/// The elements for one lease's host ports.
pub fn elements(lease: &Lease) -> Vec<(String, Element)> {
    let pairs = lease.host_ports.iter().flat_map(|port| lease.addresses.iter().map(move |address| (port, *address)));
    pairs.filter_map(|(port, address)| element(port, address)).collect()
}

fn element(port: &HostPort, pod: IpAddr) -> Option<(String, Element)> {
    let family = Family::of(pod);
    let host = match port.host_ip {
        None => family.unspecified(),
        Some(host) if host.is_unspecified() => family.unspecified(),
        Some(host) if Family::of(host) == family => host,
        Some(_) => return None,
    };
    let key = Key::new().ip(host).protocol(port.protocol.number()).port(port.host_port);
    let value = Value::Data(steps::endpoint(pod, port.container_port));
    Some((names::of(names::HOST_PORTS, family), Element::new(key, value)))
}

/// The lease among `others` that already holds one of the ports of `wanted`.
pub fn conflict<'a>(wanted: &Lease, others: impl Iterator<Item = &'a Lease>) -> Option<(HostPort, String)> {
    let mut others = others.filter(|other| other.sandbox != wanted.sandbox);
    let taken: Vec<_> = elements(wanted).into_iter().map(|(set, element)| (set, element.key)).collect();
    others.find_map(|other| {
        let clash = elements(other).into_iter().any(|(set, element)| taken.contains(&(set, element.key)));
        let port =
            wanted.host_ports.iter().find(|port| other.host_ports.iter().any(|o| o.host_port == port.host_port))?;
        clash.then(|| (port.clone(), other.sandbox.clone()))
    })
}

//! After an endpoint went: UDP connections and affinity entries that still point to it are cut.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::elements::frontend_key;
use super::frontend::{Endpoint, Frontend, Listen};
use super::proxier::Change;
use crate::conntrack::{Conntrack, Entry};
use crate::error::NetworkError;
use crate::nft::{Element, Key, Value};
use crate::table::{Family, Table, steps};

/// Cuts what `change` left pointing nowhere. The table has the change already, so nothing new points there.
pub fn cut(table: &Table, change: &Change) -> Result<(), NetworkError> {
    if !change.udp.is_empty() {
        cut_connections(change)?;
    }
    for family in Family::ALL {
        let frontends: Vec<_> = change.affinity.iter().filter(|(frontend, _)| frontend.family() == family).collect();
        if !frontends.is_empty() {
            table.forget_affinity(family, |element| {
                frontends.iter().any(|(frontend, kept)| points_elsewhere(element, frontend, kept))
            })?;
        }
    }
    Ok(())
}

fn cut_connections(change: &Change) -> Result<(), NetworkError> {
    let mut conntrack = Conntrack::open()?;
    let local = local_addresses()?;
    for entry in conntrack.entries()? {
        let stale = change.udp.iter().any(|(frontend, kept)| is_stale(&entry, frontend, kept, &local));
        if stale {
            conntrack.delete(&entry)?;
        }
    }
    Ok(())
}

/// To the frontend, but answered by somebody who does not stand behind it (any more).
fn is_stale(entry: &Entry, frontend: &Frontend, kept: &BTreeSet<Endpoint>, local: &BTreeSet<IpAddr>) -> bool {
    let (address, port) = entry.original.destination;
    let to_frontend = match frontend.listen {
        Listen::Address(listen) => listen == address,
        Listen::AnyLocal(family) => Family::of(address) == family && local.contains(&address),
    };
    to_frontend
        && port == frontend.port
        && entry.original.protocol == frontend.protocol.number()
        && !kept.contains(&entry.reply.source)
}

fn local_addresses() -> Result<BTreeSet<IpAddr>, NetworkError> {
    let addresses = crate::rtnl::Rtnl::open()?.addresses()?;
    Ok(addresses.into_iter().map(|address| address.address).collect())
}

/// An affinity element's key is (client, address, protocol, port).
fn points_elsewhere(element: &Element, frontend: &Frontend, kept: &BTreeSet<Endpoint>) -> bool {
    let client = if frontend.family() == Family::V4 { 4 } else { 16 };
    let of_frontend = element.key.0.get(client..) == Some(frontend_key(frontend).0.as_slice());
    let points_to = |endpoint: &Endpoint| element.value == Value::Data(endpoint_key(endpoint));
    of_frontend && !kept.iter().any(points_to)
}

fn endpoint_key((address, port): &Endpoint) -> Key {
    steps::endpoint(*address, *port)
}

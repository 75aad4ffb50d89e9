//! Which endpoints of a Service's slices a node uses: readiness, termination, topology hints. Pure; upstream's pkg/proxy/topology.go rules.

use std::collections::BTreeSet;
use std::net::IpAddr;

use k8s_openapi::api::core::v1::ServicePort;
use k8s_openapi::api::discovery::v1::{Endpoint as SliceEndpoint, EndpointSlice};

use super::frontend::Endpoint;
use crate::table::Family;

/// What the proxy must know of its node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeView {
    /// Its name.
    pub name: String,
    /// Its topology.kubernetes.io/zone.
    pub zone: Option<String>,
}

/// One endpoint of one Service port.
struct Candidate<'a> {
    endpoint: Endpoint,
    from: &'a SliceEndpoint,
}

/// The endpoints of one Service port in one family.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selected {
    /// For traffic policy Cluster.
    pub cluster: BTreeSet<Endpoint>,
    /// For traffic policy Local: those on this node.
    pub local: BTreeSet<Endpoint>,
}

/// Selects the endpoints of `port` for this node.
pub fn select(port: &ServicePort, slices: &[&EndpointSlice], family: Family, node: &NodeView) -> Selected {
    let candidates = candidates(port, slices, family);
    let all: Vec<&Candidate> = candidates.iter().collect();
    let local: Vec<&Candidate> =
        all.iter().copied().filter(|c| c.from.node_name.as_deref() == Some(&node.name)).collect();
    let ready: Vec<&Candidate> = all.iter().copied().filter(|c| is_ready(c.from)).collect();
    let near = hinted(&ready, node);
    let cluster = if near.is_empty() { usable(&all) } else { near };
    let addresses = |chosen: Vec<&Candidate>| chosen.into_iter().map(|c| c.endpoint).collect();
    Selected { cluster: addresses(cluster), local: addresses(usable(&local)) }
}

/// The ready ones; while there are none, those that still serve while they terminate.
fn usable<'a>(candidates: &[&'a Candidate<'a>]) -> Vec<&'a Candidate<'a>> {
    let ready: Vec<_> = candidates.iter().copied().filter(|c| is_ready(c.from)).collect();
    if !ready.is_empty() {
        return ready;
    }
    candidates.iter().copied().filter(|c| is_serving(c.from) && is_terminating(c.from)).collect()
}

/// The ready endpoints meant for this node, else for its zone; none unless every ready endpoint has a hint of that kind.
fn hinted<'a>(ready: &[&'a Candidate<'a>], node: &NodeView) -> Vec<&'a Candidate<'a>> {
    let for_nodes = |c: &Candidate| {
        names(c.from.hints.as_ref().and_then(|h| h.for_nodes.as_ref()).map(|l| l.iter().map(|n| &n.name)))
    };
    let for_zones = |c: &Candidate| {
        names(c.from.hints.as_ref().and_then(|h| h.for_zones.as_ref()).map(|l| l.iter().map(|z| &z.name)))
    };
    let by_node = matching(ready, for_nodes, &node.name);
    match (&node.zone, by_node.is_empty()) {
        (Some(zone), true) => matching(ready, for_zones, zone),
        _ => by_node,
    }
}

fn names<'a>(list: Option<impl Iterator<Item = &'a String>>) -> Vec<String> {
    list.into_iter().flatten().cloned().collect()
}

fn matching<'a>(
    ready: &[&'a Candidate<'a>],
    hints: impl Fn(&Candidate) -> Vec<String>,
    wanted: &str,
) -> Vec<&'a Candidate<'a>> {
    if ready.iter().any(|c| hints(c).is_empty()) {
        return Vec::new();
    }
    ready.iter().copied().filter(|c| hints(c).iter().any(|hint| hint == wanted)).collect()
}

fn candidates<'a>(port: &ServicePort, slices: &[&'a EndpointSlice], family: Family) -> Vec<Candidate<'a>> {
    let kind = if family == Family::V4 { "IPv4" } else { "IPv6" };
    let mut found = Vec::new();
    for slice in slices.iter().filter(|slice| slice.address_type == kind) {
        let Some(number) = port_number(port, slice) else { continue };
        for from in slice.endpoints.iter().flatten() {
            // Only the first address counts, as upstream's proxies have it.
            let address = from.addresses.first().and_then(|text| text.parse::<IpAddr>().ok());
            found.extend(
                address
                    .filter(|a| Family::of(*a) == family)
                    .map(|address| Candidate { endpoint: (address, number), from }),
            );
        }
    }
    found
}

/// The slice's number for a Service's port: by name and protocol.
fn port_number(port: &ServicePort, slice: &EndpointSlice) -> Option<u16> {
    let wanted = (port.name.as_deref().unwrap_or_default(), port.protocol.as_deref().unwrap_or("TCP"));
    let ports = slice.ports.as_deref().unwrap_or_default();
    let found = ports
        .iter()
        .find(|p| (p.name.as_deref().unwrap_or_default(), p.protocol.as_deref().unwrap_or("TCP")) == wanted)?;
    u16::try_from(found.port?).ok()
}

fn is_ready(endpoint: &SliceEndpoint) -> bool {
    endpoint.conditions.as_ref().and_then(|c| c.ready).unwrap_or(true)
}

fn is_serving(endpoint: &SliceEndpoint) -> bool {
    endpoint.conditions.as_ref().and_then(|c| c.serving).unwrap_or_else(|| is_ready(endpoint))
}

fn is_terminating(endpoint: &SliceEndpoint) -> bool {
    endpoint.conditions.as_ref().and_then(|c| c.terminating).unwrap_or(false)
}

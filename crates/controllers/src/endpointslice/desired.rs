//! The endpoints a Service should have: per address family and set of ports, one per Pod.

use std::collections::BTreeMap;

use client::Object;
use k8s_openapi::api::core::v1::{Pod, ServiceSpec};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointHints, ForNode, ForZone};

use super::reconcile::Observed;
use crate::backends::{self, Port};
use crate::pods;

/// The node label with the zone.
pub const ZONE: &str = "topology.kubernetes.io/zone";

/// One group of slices: an address type and the ports all its endpoints have.
pub type Group = (String, Vec<Port>);

/// The endpoints by group, each group by address.
pub type Desired = BTreeMap<Group, BTreeMap<String, Endpoint>>;

/// The address types of a Service, in its own order.
pub fn address_types(spec: &ServiceSpec) -> Vec<&'static str> {
    let type_of = |family: &str| if family == "IPv6" { "IPv6" } else { "IPv4" };
    match &spec.ip_families {
        Some(families) if !families.is_empty() => families.iter().map(|family| type_of(family)).collect(),
        _ => {
            let is_v6 = spec.cluster_ip.as_deref().is_some_and(|address| address.contains(':'));
            vec![if is_v6 { "IPv6" } else { "IPv4" }]
        }
    }
}

pub fn endpoints(observed: &Observed) -> Desired {
    let mut desired = Desired::new();
    for pod in observed.pods {
        let ports = backends::ports(observed.spec, pod);
        if ports.is_empty() && !backends::is_headless(observed.spec) {
            continue;
        }
        for address_type in address_types(observed.spec) {
            if let Some(endpoint) = endpoint(observed, pod, address_type) {
                let address = endpoint.addresses[0].clone();
                desired.entry((address_type.to_owned(), ports.clone())).or_default().insert(address, endpoint);
            }
        }
    }
    desired
}

fn endpoint(observed: &Observed, pod: &Pod, address_type: &str) -> Option<Endpoint> {
    let is_type = |address: &std::net::IpAddr| address.is_ipv6() == (address_type == "IPv6");
    let addresses: Vec<String> =
        backends::addresses(pod).into_iter().filter(is_type).map(|address| address.to_string()).collect();
    if addresses.is_empty() {
        return None;
    }
    let publishes_unready = observed.spec.publish_not_ready_addresses == Some(true);
    let node_name = Some(pods::node_name(pod)).filter(|name| !name.is_empty());
    let node = node_name.and_then(|name| (observed.node)(name));
    if node_name.is_some() && node.is_none() && !publishes_unready {
        return None;
    }
    let zone = node.as_deref().and_then(|node| node.label(ZONE)).map(str::to_owned);
    let serving = pods::is_ready(pod);
    let terminating = pod.is_deleting();
    let ready = publishes_unready || (serving && !terminating);
    Some(Endpoint {
        addresses,
        conditions: Some(EndpointConditions {
            ready: Some(ready),
            serving: Some(serving),
            terminating: Some(terminating),
        }),
        hostname: backends::hostname(pod, observed.service),
        node_name: node_name.map(str::to_owned),
        target_ref: Some(backends::target(pod)),
        hints: hints(observed.spec, ready, node_name, zone.as_deref()),
        zone,
        deprecated_topology: None,
    })
}

/// Where an endpoint should be used, if the Service prefers traffic to stay close.
fn hints(spec: &ServiceSpec, ready: bool, node: Option<&str>, zone: Option<&str>) -> Option<EndpointHints> {
    let preference = spec.traffic_distribution.as_deref().filter(|_| ready)?;
    let zones = zone.map(|name| vec![ForZone { name: name.to_owned() }]);
    let nodes = node.map(|name| vec![ForNode { name: name.to_owned() }]);
    let hints = match preference {
        "PreferClose" | "PreferSameZone" => EndpointHints { for_zones: zones, for_nodes: None },
        "PreferSameNode" => EndpointHints { for_zones: zones, for_nodes: nodes },
        _ => return None,
    };
    (hints.for_zones.is_some() || hints.for_nodes.is_some()).then_some(hints)
}

//! The decision: one slice for each kind of address and set of ports, with a thousand addresses of each subset at most.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use client::Object;
use client::runtime::Plan;
use k8s_openapi::api::core::v1::{EndpointAddress, EndpointSubset, Endpoints};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::endpointslice::{MANAGED_BY, SERVICE_NAME};
use crate::ownership::owner_reference;
use crate::template::prefix;

pub const MANAGER: &str = "endpointslicemirroring-controller.k8s.io";
const SKIP: &str = "endpointslice.kubernetes.io/skip-mirror";
const LEADER: &str = "control-plane.alpha.kubernetes.io/leader";
/// Annotations that say something of the Endpoints only.
const NOT_COPIED: [&str; 2] =
    ["endpoints.kubernetes.io/last-change-trigger-time", "kubectl.kubernetes.io/last-applied-configuration"];
/// How many addresses of a subset are mirrored.
const MOST: usize = 1000;

/// Not those that somebody mirrors himself, or that only hold a lock.
pub fn is_mirrored(endpoints: &Endpoints) -> bool {
    !endpoints.is_deleting() && endpoints.label(SKIP) != Some("true") && endpoints.annotation(LEADER).is_none()
}

/// What slices have in common: kind of address, and ports by name, number and protocol.
type Group = (&'static str, Vec<(String, Option<i32>, String, Option<String>)>);

pub fn reconcile(endpoints: Option<&Endpoints>, slices: &[Arc<EndpointSlice>]) -> Plan {
    let mut plan = Plan::new();
    let mut left: Vec<Arc<EndpointSlice>> = slices.iter().filter(|slice| !slice.is_deleting()).cloned().collect();
    for wanted in endpoints.map(desired).unwrap_or_default() {
        let is_alike = |slice: &Arc<EndpointSlice>| {
            slice.address_type == wanted.address_type
                && slice.ports.clone().unwrap_or_default() == wanted.ports.clone().unwrap_or_default()
        };
        match left.iter().position(is_alike) {
            Some(at) => {
                let former = left.swap_remove(at);
                let mut new = EndpointSlice::clone(&former);
                new.endpoints = wanted.endpoints;
                new.metadata.labels = wanted.metadata.labels;
                new.metadata.annotations = wanted.metadata.annotations;
                plan.update(&*former, &new);
            }
            None => plan.create(&wanted, None),
        }
    }
    left.iter().for_each(|slice| plan.delete(&**slice, None));
    plan
}

fn desired(endpoints: &Endpoints) -> Vec<EndpointSlice> {
    let mut groups: BTreeMap<Group, (Vec<EndpointPort>, Vec<Endpoint>)> = BTreeMap::new();
    for subset in endpoints.subsets.iter().flatten() {
        let ports = ports(subset);
        let key: Vec<_> = ports
            .iter()
            .map(|port| {
                (
                    port.name.clone().unwrap_or_default(),
                    port.port,
                    port.protocol.clone().unwrap_or_default(),
                    port.app_protocol.clone(),
                )
            })
            .collect();
        let ready = subset.addresses.iter().flatten().map(|address| (address, true));
        let unready = subset.not_ready_addresses.iter().flatten().map(|address| (address, false));
        for (address, is_ready) in ready.chain(unready).take(MOST) {
            let Ok(ip) = address.ip.parse::<IpAddr>() else { continue };
            let kind = if ip.is_ipv4() { "IPv4" } else { "IPv6" };
            let group = groups.entry((kind, key.clone())).or_insert_with(|| (ports.clone(), Vec::new()));
            group.1.push(endpoint(address, is_ready));
        }
    }
    groups.into_iter().map(|((kind, _), (ports, list))| slice(endpoints, kind, ports, list)).collect()
}

fn ports(subset: &EndpointSubset) -> Vec<EndpointPort> {
    let port = |port: &k8s_openapi::api::core::v1::EndpointPort| EndpointPort {
        name: Some(port.name.clone().unwrap_or_default()),
        port: Some(port.port),
        protocol: Some(port.protocol.clone().unwrap_or_else(|| "TCP".to_owned())),
        app_protocol: port.app_protocol.clone(),
    };
    subset.ports.iter().flatten().map(port).collect()
}

fn endpoint(address: &EndpointAddress, is_ready: bool) -> Endpoint {
    Endpoint {
        addresses: vec![address.ip.clone()],
        conditions: Some(EndpointConditions { ready: Some(is_ready), ..EndpointConditions::default() }),
        hostname: address.hostname.clone(),
        node_name: address.node_name.clone(),
        target_ref: address.target_ref.clone(),
        ..Endpoint::default()
    }
}

fn slice(endpoints: &Endpoints, kind: &str, ports: Vec<EndpointPort>, list: Vec<Endpoint>) -> EndpointSlice {
    let mut labels = endpoints.metadata.labels.clone().unwrap_or_default();
    labels.insert(SERVICE_NAME.to_owned(), endpoints.name().to_owned());
    labels.insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
    let mut annotations = endpoints.metadata.annotations.clone().unwrap_or_default();
    annotations.retain(|key, _| !NOT_COPIED.contains(&key.as_str()));
    EndpointSlice {
        metadata: ObjectMeta {
            namespace: endpoints.metadata.namespace.clone(),
            generate_name: Some(prefix(endpoints.name())),
            labels: Some(labels),
            annotations: (!annotations.is_empty()).then_some(annotations),
            owner_references: Some(vec![owner_reference(endpoints)]),
            ..ObjectMeta::default()
        },
        address_type: kind.to_owned(),
        ports: (!ports.is_empty()).then_some(ports),
        endpoints: (!list.is_empty()).then_some(list),
    }
}

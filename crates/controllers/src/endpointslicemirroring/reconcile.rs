//! The decision: one slice for each kind of address and set of ports, with a thousand addresses of each subset at most.

use std::collections::{BTreeMap, HashSet};
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
/// How many a slice may hold.
const SLICE_MAX: usize = 1000;

/// Not those that somebody mirrors himself, or that only hold a lock.
pub fn is_mirrored(endpoints: &Endpoints) -> bool {
    !endpoints.is_deleting() && endpoints.label(SKIP) != Some("true") && endpoints.annotation(LEADER).is_none()
}

/// What slices have in common: kind of address, and ports by name, number and protocol.
type Group = (&'static str, Vec<(String, Option<i32>, String, Option<String>)>);

/// What a group's slices hold: ports as they were first written, and each address once.
type Mirrored = (Vec<EndpointPort>, HashSet<IpAddr>, Vec<Endpoint>);

pub fn reconcile(endpoints: Option<&Endpoints>, slices: &[Arc<EndpointSlice>]) -> Plan {
    let mut plan = Plan::new();
    let mut left: Vec<Arc<EndpointSlice>> = slices.iter().filter(|slice| !slice.is_deleting()).cloned().collect();
    // A slice that has its addresses already keeps them, whatever becomes of the others.
    let (same, others): (Vec<_>, Vec<_>) =
        endpoints.map(desired).unwrap_or_default().into_iter().partition(|wanted| {
            left.iter().any(|slice| is_alike(slice, wanted) && slice.endpoints == wanted.endpoints)
        });
    for wanted in same.into_iter().chain(others) {
        let best = left.iter().position(|slice| is_alike(slice, &wanted) && slice.endpoints == wanted.endpoints);
        match best.or_else(|| left.iter().position(|slice| is_alike(slice, &wanted))) {
            Some(at) => {
                let former = left.remove(at);
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

fn is_alike(slice: &EndpointSlice, wanted: &EndpointSlice) -> bool {
    let ports = |slice: &EndpointSlice| slice.ports.clone().unwrap_or_default();
    slice.address_type == wanted.address_type && ports(slice) == ports(wanted)
}

fn desired(endpoints: &Endpoints) -> Vec<EndpointSlice> {
    let mut groups: BTreeMap<Group, Mirrored> = BTreeMap::new();
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
            let group = groups.entry((kind, key.clone()));
            let (_, known, list) = group.or_insert_with(|| (ports.clone(), HashSet::new(), Vec::new()));
            if known.insert(ip) {
                list.push(endpoint(address, is_ready));
            }
        }
    }
    let slices = groups.into_iter().flat_map(|((kind, _), (ports, _, list))| {
        let parts: Vec<_> = list.chunks(SLICE_MAX).map(<[_]>::to_vec).collect();
        parts.into_iter().map(move |part| slice(endpoints, kind, ports.clone(), part))
    });
    slices.collect()
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

//! The decision: which slices to make, change and delete so that they hold the desired endpoints with few writes.

use std::collections::BTreeMap;
use std::sync::Arc;

use client::Object;
use client::runtime::Plan;
use k8s_openapi::api::core::v1::{Node, Pod, Service, ServiceSpec};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointPort, EndpointSlice};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::desired::{Group, address_types, endpoints};
use crate::backends::{self, HEADLESS, Port};
use crate::ownership::owner_reference;
use crate::template::prefix;

pub const SERVICE_NAME: &str = "kubernetes.io/service-name";
pub const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
pub const MANAGER: &str = "endpointslice-controller.k8s.io";
/// How many endpoints a slice holds at most.
const MOST: usize = 100;

pub struct Observed<'a> {
    pub service: &'a Service,
    pub spec: &'a ServiceSpec,
    /// The Pods it selects.
    pub pods: &'a [Arc<Pod>],
    /// Its slices that are ours.
    pub slices: &'a [Arc<EndpointSlice>],
    pub node: &'a dyn Fn(&str) -> Option<Arc<Node>>,
}

pub fn reconcile(observed: &Observed) -> Plan {
    let mut desired = endpoints(observed);
    for address_type in address_types(observed.spec) {
        // A Service without any endpoint still has one slice, to say so.
        let has_any = desired.keys().any(|(own, _)| own == address_type);
        if !has_any {
            desired.insert((address_type.to_owned(), Vec::new()), BTreeMap::new());
        }
    }
    let mut slices: BTreeMap<Group, Vec<Slice>> = BTreeMap::new();
    for slice in observed.slices {
        slices.entry(group_of(slice)).or_default().push(Slice::new(slice));
    }
    let mut plan = Plan::new();
    let mut deletions = Vec::new();
    for (group, endpoints) in desired {
        fill(&mut plan, &mut deletions, observed, &group, endpoints, slices.remove(&group).unwrap_or_default());
    }
    deletions.extend(slices.into_values().flatten().map(|slice| slice.observed));
    for slice in deletions {
        plan.delete(&*slice, None);
    }
    plan
}

/// A slice while its endpoints are sorted out.
struct Slice {
    observed: Arc<EndpointSlice>,
    endpoints: Vec<Endpoint>,
    is_changed: bool,
}

impl Slice {
    fn new(observed: &Arc<EndpointSlice>) -> Self {
        Self {
            observed: observed.clone(),
            endpoints: observed.endpoints.clone().unwrap_or_default(),
            is_changed: false,
        }
    }

    /// Drops what is not desired, refreshes what is, and takes that off `wanted`.
    fn keep(&mut self, wanted: &mut BTreeMap<String, Endpoint>) {
        let mut kept = Vec::new();
        for endpoint in &self.endpoints {
            if let Some(wanted) = endpoint.addresses.first().and_then(|address| wanted.remove(address)) {
                self.is_changed |= wanted != *endpoint;
                kept.push(wanted);
            }
        }
        self.is_changed |= kept.len() != self.endpoints.len();
        self.endpoints = kept;
    }

    fn room(&self) -> usize {
        MOST.saturating_sub(self.endpoints.len())
    }

    fn take(&mut self, wanted: &mut BTreeMap<String, Endpoint>) {
        while self.room() > 0
            && let Some((_, endpoint)) = wanted.pop_first()
        {
            self.endpoints.push(endpoint);
            self.is_changed = true;
        }
    }
}

/// Spreads one group's endpoints: first over slices that change anyway, then into one with room for the rest, then into new
/// ones. Slices left empty go, unless the group needs one to say that it is empty.
fn fill(
    plan: &mut Plan,
    deletions: &mut Vec<Arc<EndpointSlice>>,
    observed: &Observed,
    group: &Group,
    mut wanted: BTreeMap<String, Endpoint>,
    mut slices: Vec<Slice>,
) {
    slices.iter_mut().for_each(|slice| slice.keep(&mut wanted));
    slices.iter_mut().filter(|slice| slice.is_changed).for_each(|slice| slice.take(&mut wanted));
    if !wanted.is_empty() {
        let fitting = slices.iter_mut().filter(|slice| slice.room() >= wanted.len() && !slice.endpoints.is_empty());
        if let Some(slice) = fitting.min_by_key(|slice| slice.room()) {
            slice.take(&mut wanted);
        }
    }
    let mut created = Vec::new();
    while !wanted.is_empty() {
        // An emptied slice serves as well as a new one.
        let reused = slices.iter_mut().find(|slice| slice.endpoints.is_empty());
        match reused {
            Some(slice) => slice.take(&mut wanted),
            None => {
                let rest = wanted.split_off(wanted.keys().nth(MOST).cloned().as_deref().unwrap_or("\u{10ffff}"));
                created.push(wanted.into_values().collect::<Vec<_>>());
                wanted = rest;
            }
        }
    }
    let keeps_empty = slices.iter().all(|slice| slice.endpoints.is_empty()) && created.is_empty();
    let (empty, full): (Vec<Slice>, Vec<Slice>) = slices.into_iter().partition(|slice| slice.endpoints.is_empty());
    let mut empty = empty.into_iter();
    let placeholder = if keeps_empty { empty.next() } else { None };
    if keeps_empty && placeholder.is_none() {
        created.push(Vec::new());
    }
    for endpoints in created {
        plan.create(&new_slice(observed, group, endpoints), None);
    }
    for slice in full.into_iter().chain(placeholder) {
        plan.update(&*slice.observed, &updated(observed, &slice));
    }
    deletions.extend(empty.map(|slice| slice.observed));
}

fn new_slice(observed: &Observed, (address_type, ports): &Group, endpoints: Vec<Endpoint>) -> EndpointSlice {
    let service = observed.service;
    EndpointSlice {
        metadata: ObjectMeta {
            namespace: service.metadata.namespace.clone(),
            generate_name: Some(prefix(service.name())),
            labels: Some(labels(observed)),
            owner_references: Some(vec![owner_reference(service)]),
            ..ObjectMeta::default()
        },
        address_type: address_type.clone(),
        ports: some(ports.iter().map(endpoint_port).collect()),
        endpoints: some(endpoints),
    }
}

fn updated(observed: &Observed, slice: &Slice) -> EndpointSlice {
    let mut new = EndpointSlice::clone(&slice.observed);
    new.endpoints = some(slice.endpoints.clone());
    new.metadata.labels = Some(labels(observed));
    new
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

/// The Service's own labels, and ours.
fn labels(observed: &Observed) -> BTreeMap<String, String> {
    let mut labels = observed.service.metadata.labels.clone().unwrap_or_default();
    labels.remove(HEADLESS);
    if backends::is_headless(observed.spec) {
        labels.insert(HEADLESS.to_owned(), String::new());
    }
    labels.insert(SERVICE_NAME.to_owned(), observed.service.name().to_owned());
    labels.insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
    labels
}

fn group_of(slice: &EndpointSlice) -> Group {
    let mut ports: Vec<Port> = slice.ports.iter().flatten().map(port).collect();
    ports.sort();
    (slice.address_type.clone(), ports)
}

fn port(port: &EndpointPort) -> Port {
    Port {
        name: port.name.clone().unwrap_or_default(),
        protocol: port.protocol.clone().unwrap_or_else(|| "TCP".to_owned()),
        number: port.port.unwrap_or(0),
        app_protocol: port.app_protocol.clone(),
    }
}

fn endpoint_port(port: &Port) -> EndpointPort {
    EndpointPort {
        name: Some(port.name.clone()),
        protocol: Some(port.protocol.clone()),
        port: Some(port.number),
        app_protocol: port.app_protocol.clone(),
    }
}

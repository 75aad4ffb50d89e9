//! The decision: addresses grouped by the ports they have, ready ones apart from those that are not.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use client::Object;
use client::runtime::Plan;
use k8s_openapi::api::core::v1::{EndpointAddress, EndpointPort, EndpointSubset, Endpoints, Pod, Service, ServiceSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::backends::{self, HEADLESS, Port};
use crate::pods;

const MANAGED_BY: &str = "endpoints.kubernetes.io/managed-by";
const MANAGER: &str = "endpoint-controller";
/// Says that some addresses were left out.
const OVER_CAPACITY: (&str, &str) = ("endpoints.kubernetes.io/over-capacity", "truncated");
const MOST: usize = 1000;

pub struct Observed<'a> {
    pub service: &'a Service,
    pub spec: &'a ServiceSpec,
    pub pods: &'a [Arc<Pod>],
    pub current: Option<&'a Endpoints>,
}

pub fn is_managed(endpoints: &Endpoints) -> bool {
    endpoints.label(MANAGED_BY) == Some(MANAGER)
}

pub fn reconcile(observed: &Observed) -> Plan {
    let mut plan = Plan::new();
    let (subsets, is_truncated) = subsets(observed);
    let mut wanted = observed.current.cloned().unwrap_or_else(|| Endpoints {
        metadata: ObjectMeta {
            name: observed.service.metadata.name.clone(),
            namespace: observed.service.metadata.namespace.clone(),
            ..ObjectMeta::default()
        },
        subsets: None,
    });
    wanted.subsets = (!subsets.is_empty()).then_some(subsets);
    wanted.metadata.labels = Some(labels(observed));
    let mut annotations = wanted.metadata.annotations.take().unwrap_or_default();
    annotations.remove(OVER_CAPACITY.0);
    if is_truncated {
        annotations.insert(OVER_CAPACITY.0.to_owned(), OVER_CAPACITY.1.to_owned());
    }
    wanted.metadata.annotations = Some(annotations).filter(|annotations| !annotations.is_empty());
    match observed.current {
        None => plan.create(&wanted, None),
        Some(current) => plan.update(current, &wanted),
    }
    plan
}

fn labels(observed: &Observed) -> BTreeMap<String, String> {
    let mut labels = observed.service.metadata.labels.clone().unwrap_or_default();
    labels.remove(HEADLESS);
    if backends::is_headless(observed.spec) {
        labels.insert(HEADLESS.to_owned(), String::new());
    }
    labels.insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
    labels
}

#[derive(Default)]
struct Addresses {
    ready: BTreeMap<(IpAddr, String), EndpointAddress>,
    not_ready: BTreeMap<(IpAddr, String), EndpointAddress>,
}

/// The subsets, and whether some addresses found no room.
fn subsets(observed: &Observed) -> (Vec<EndpointSubset>, bool) {
    let publishes_unready = observed.spec.publish_not_ready_addresses == Some(true);
    let mut by_ports: BTreeMap<Vec<Port>, Addresses> = BTreeMap::new();
    // Ready addresses are the last to be left out.
    let mut pods: Vec<&Arc<Pod>> = observed.pods.iter().filter(|pod| publishes_unready || !pod.is_deleting()).collect();
    pods.sort_by_key(|pod| !pods::is_ready(pod));
    let mut count = 0;
    for pod in pods {
        let ports = backends::ports(observed.spec, pod);
        let Some(address) = first_address(observed.spec, pod) else { continue };
        if ports.is_empty() && !backends::is_headless(observed.spec) {
            continue;
        }
        count += 1;
        if count > MOST {
            return (finished(by_ports), true);
        }
        let addresses = by_ports.entry(ports).or_default();
        let is_ready = publishes_unready || pods::is_ready(pod);
        let list = if is_ready { &mut addresses.ready } else { &mut addresses.not_ready };
        list.insert((address, pod.uid().to_owned()), endpoint_address(observed.service, pod, address));
    }
    (finished(by_ports), false)
}

/// The Pod's address of the Service's first family.
fn first_address(spec: &ServiceSpec, pod: &Pod) -> Option<IpAddr> {
    let family = spec.ip_families.iter().flatten().next();
    let is_v6 = match family {
        Some(family) => family == "IPv6",
        None => spec.cluster_ip.as_deref().is_some_and(|address| address.contains(':')),
    };
    backends::addresses(pod).into_iter().find(|address| address.is_ipv6() == is_v6)
}

fn endpoint_address(service: &Service, pod: &Pod, address: IpAddr) -> EndpointAddress {
    EndpointAddress {
        ip: address.to_string(),
        hostname: backends::hostname(pod, service),
        node_name: Some(pods::node_name(pod).to_owned()).filter(|name| !name.is_empty()),
        target_ref: Some(backends::target(pod)),
    }
}

fn finished(by_ports: BTreeMap<Vec<Port>, Addresses>) -> Vec<EndpointSubset> {
    let list = |addresses: BTreeMap<_, EndpointAddress>| {
        let list: Vec<EndpointAddress> = addresses.into_values().collect();
        (!list.is_empty()).then_some(list)
    };
    let subset = |(ports, addresses): (Vec<Port>, Addresses)| EndpointSubset {
        addresses: list(addresses.ready),
        not_ready_addresses: list(addresses.not_ready),
        ports: (!ports.is_empty()).then(|| ports.iter().map(endpoint_port).collect()),
    };
    by_ports.into_iter().map(subset).collect()
}

fn endpoint_port(port: &Port) -> EndpointPort {
    EndpointPort {
        name: Some(port.name.clone()).filter(|name| !name.is_empty()),
        protocol: Some(port.protocol.clone()),
        port: port.number,
        app_protocol: port.app_protocol.clone(),
    }
}

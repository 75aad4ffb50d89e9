//! The Pods behind a Service, as both EndpointSlices and Endpoints see them: which count, on which ports, in what state.

use std::net::IpAddr;
use std::sync::Arc;

use api::selector::LabelSelector;
use client::{Change, Lister, Object, ObjectKey};
use k8s_openapi::api::core::v1::{Container, ObjectReference, Pod, Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::Value;

use crate::ownership::matches;
use crate::pods;

/// The label of a Service without an address of its own.
pub const HEADLESS: &str = "service.kubernetes.io/headless";

/// One port of a Service, resolved against one Pod.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port {
    pub name: String,
    pub protocol: String,
    pub number: i32,
    pub app_protocol: Option<String>,
}

/// The spec of a Service whose endpoints are ours to keep.
pub fn managed(service: &Service) -> Option<&ServiceSpec> {
    let spec = service.spec.as_ref()?;
    let has_selector = spec.selector.as_ref().is_some_and(|selector| !selector.is_empty());
    (has_selector && spec.type_.as_deref() != Some("ExternalName")).then_some(spec)
}

pub fn selector(service: &Service) -> LabelSelector {
    let labels = managed(service).and_then(|spec| spec.selector.as_ref());
    labels.map_or_else(LabelSelector::nothing, |labels| {
        let labels = labels.iter().map(|(name, value)| (name.clone(), Value::String(value.clone())));
        LabelSelector::from_map(&labels.collect())
    })
}

pub fn is_headless(spec: &ServiceSpec) -> bool {
    spec.cluster_ip.as_deref() == Some("None")
}

/// The Pods a Service selects that have an address and have not ended.
pub fn pods_of(service: &Service, pods: &Lister<Pod>) -> Vec<Arc<Pod>> {
    let selector = selector(service);
    let all = pods.list_namespace(service.namespace()).into_iter();
    all.filter(|pod| matches(&selector, &pod.metadata) && !pods::is_terminal(pod) && !addresses(pod).is_empty())
        .collect()
}

/// A Pod's addresses.
pub fn addresses(pod: &Pod) -> Vec<IpAddr> {
    let Some(status) = &pod.status else { return Vec::new() };
    let several = status.pod_ips.iter().flatten().map(|ip| ip.ip.as_str());
    let mut addresses: Vec<IpAddr> = several.filter_map(|text| text.parse().ok()).collect();
    if addresses.is_empty() {
        addresses.extend(status.pod_ip.as_deref().and_then(|text| text.parse::<IpAddr>().ok()));
    }
    addresses
}

pub fn target(pod: &Pod) -> ObjectReference {
    ObjectReference {
        kind: Some("Pod".to_owned()),
        namespace: pod.metadata.namespace.clone(),
        name: pod.metadata.name.clone(),
        uid: pod.metadata.uid.clone(),
        ..ObjectReference::default()
    }
}

/// The hostname a Pod has in the Service's domain.
pub fn hostname(pod: &Pod, service: &Service) -> Option<String> {
    let spec = pod.spec.as_ref()?;
    let is_in_domain = spec.subdomain.as_deref() == Some(service.name());
    spec.hostname.clone().filter(|hostname| is_in_domain && !hostname.is_empty())
}

/// The Service's ports as this Pod has them; those it does not have are left out.
pub fn ports(spec: &ServiceSpec, pod: &Pod) -> Vec<Port> {
    let mut ports: Vec<Port> = spec.ports.iter().flatten().filter_map(|port| resolve(port, pod)).collect();
    ports.sort();
    ports.dedup();
    ports
}

fn resolve(port: &ServicePort, pod: &Pod) -> Option<Port> {
    let protocol = port.protocol.as_deref().unwrap_or("TCP");
    let number = match &port.target_port {
        None | Some(IntOrString::Int(0)) => port.port,
        Some(IntOrString::Int(number)) => *number,
        Some(IntOrString::String(name)) => named(pod, name, protocol)?,
    };
    let name = port.name.clone().unwrap_or_default();
    Some(Port { name, protocol: protocol.to_owned(), number, app_protocol: port.app_protocol.clone() })
}

/// A container port by name: of containers, then of sidecars.
fn named(pod: &Pod, name: &str, protocol: &str) -> Option<i32> {
    let spec = pod.spec.as_ref()?;
    let is_sidecar = |container: &&Container| container.restart_policy.as_deref() == Some("Always");
    let sidecars = spec.init_containers.iter().flatten().filter(is_sidecar);
    let ports = spec.containers.iter().chain(sidecars).flat_map(|container| container.ports.iter().flatten());
    let mut matching = ports
        .filter(|port| port.name.as_deref() == Some(name) && port.protocol.as_deref().unwrap_or("TCP") == protocol);
    matching.next().map(|port| port.container_port)
}

/// The Services that a change of a Pod concerns; changes that no endpoint shows wake none.
pub fn services_of(change: &Change<Pod>, services: &Lister<Service>) -> Vec<ObjectKey> {
    if let (Some(old), Some(new)) = (&change.old, &change.new)
        && shown(old) == shown(new)
    {
        return Vec::new();
    }
    let all = services.list_namespace(change.object().namespace());
    let sides: Vec<&Arc<Pod>> = [&change.old, &change.new].into_iter().flatten().collect();
    let selects = |service: &Service| {
        let selector = selector(service);
        sides.iter().any(|pod| matches(&selector, &pod.metadata))
    };
    all.iter().filter(|service| selects(service)).map(|service| service.key()).collect()
}

/// What endpoints show of a Pod.
fn shown(pod: &Pod) -> impl PartialEq + use<'_> {
    let spec = pod.spec.as_ref();
    let identity = spec.map(|spec| (&spec.hostname, &spec.subdomain, &spec.node_name));
    let state = (pods::is_ready(pod), pods::is_terminal(pod), pod.is_deleting());
    (&pod.metadata.uid, &pod.metadata.labels, identity, addresses(pod), state)
}

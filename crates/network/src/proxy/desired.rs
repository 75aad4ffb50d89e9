//! One Service and its EndpointSlices -> the frontends a node must serve for it. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::api::discovery::v1::EndpointSlice;

use super::endpoints::{NodeView, Selected, select};
use super::frontend::{Backend, Frontend, Listen, Masquerade, Refusal};
use crate::protocol::Protocol;
use crate::rtnl::Prefix;
use crate::table::Family;

/// Services with this label are served by somebody else's proxy.
const PROXY_NAME_LABEL: &str = "service.kubernetes.io/service-proxy-name";
const SOURCE_RANGES_ANNOTATION: &str = "service.beta.kubernetes.io/load-balancer-source-ranges";
const DEFAULT_AFFINITY_SECONDS: i32 = 10_800;

/// The frontends of one Service.
pub type Frontends = BTreeMap<Frontend, Backend>;

/// What this node must serve for a Service: nothing for headless ones, ExternalName, and other proxies' Services.
pub fn desired(service: &Service, slices: &[&EndpointSlice], node: &NodeView) -> Frontends {
    let mut frontends = Frontends::new();
    let foreign = service.metadata.labels.as_ref().is_some_and(|labels| labels.contains_key(PROXY_NAME_LABEL));
    let Some(spec) = service.spec.as_ref().filter(|_| !foreign) else { return frontends };
    let addresses = cluster_addresses(spec);
    if spec.type_.as_deref() == Some("ExternalName") || addresses.is_empty() {
        return frontends;
    }
    for family in
        Family::ALL.into_iter().filter(|family| addresses.iter().any(|address| Family::of(*address) == *family))
    {
        for port in spec.ports.as_deref().unwrap_or_default() {
            let selected = select(port, slices, family, node);
            PortView { service, spec, port, family, selected }.add(&addresses, &mut frontends);
        }
    }
    frontends
}

/// One port of a Service in one family.
struct PortView<'a> {
    service: &'a Service,
    spec: &'a ServiceSpec,
    port: &'a ServicePort,
    family: Family,
    selected: Selected,
}

impl PortView<'_> {
    fn add(&self, cluster_addresses: &[IpAddr], frontends: &mut Frontends) {
        let Some(port) = number(self.port.port) else { return };
        for address in self.of_family(cluster_addresses) {
            self.insert(frontends, Listen::Address(address), port, self.internal());
        }
        for address in self.of_family(&external_addresses(self.spec)) {
            self.insert(frontends, Listen::Address(address), port, self.external());
        }
        if let Some(node_port) = self.port.node_port.and_then(number) {
            self.insert(frontends, Listen::AnyLocal(self.family), node_port, self.external());
        }
        let sources = source_ranges(self.service, self.spec, self.family);
        for address in self.of_family(&ingress_addresses(self.service)) {
            self.insert(
                frontends,
                Listen::Address(address),
                port,
                Backend { sources: sources.clone(), ..self.external() },
            );
        }
    }

    fn of_family(&self, addresses: &[IpAddr]) -> Vec<IpAddr> {
        addresses.iter().copied().filter(|address| Family::of(*address) == self.family).collect()
    }

    fn insert(&self, frontends: &mut Frontends, listen: Listen, port: u16, backend: Backend) {
        let protocol = self.port.protocol.as_deref().unwrap_or("TCP");
        if let Some(protocol) = Protocol::parse(protocol) {
            frontends.insert(Frontend { listen, protocol, port }, backend);
        }
    }

    /// On cluster addresses, by internalTrafficPolicy.
    fn internal(&self) -> Backend {
        let local = self.spec.internal_traffic_policy.as_deref() == Some("Local");
        let Selected { cluster, local: here } = self.selected.clone();
        let refusal = if local && !cluster.is_empty() { Refusal::Drop } else { Refusal::Reject };
        let endpoints = if local { here } else { cluster };
        Backend {
            endpoints,
            outside: None,
            refusal,
            affinity: self.affinity(),
            masquerade: Masquerade::OffCluster,
            sources: None,
        }
    }

    /// On external addresses and node ports, by externalTrafficPolicy.
    fn external(&self) -> Backend {
        let local = self.spec.external_traffic_policy.as_deref() == Some("Local");
        let Selected { cluster: endpoints, local: here } = self.selected.clone();
        let (outside, masquerade) =
            if local { (Some(here), Masquerade::OffCluster) } else { (None, Masquerade::Always) };
        Backend { endpoints, outside, refusal: Refusal::Reject, affinity: self.affinity(), masquerade, sources: None }
    }

    fn affinity(&self) -> Option<u32> {
        if self.spec.session_affinity.as_deref() != Some("ClientIP") {
            return None;
        }
        let config = self.spec.session_affinity_config.as_ref().and_then(|config| config.client_ip.as_ref());
        let seconds = config.and_then(|config| config.timeout_seconds).unwrap_or(DEFAULT_AFFINITY_SECONDS);
        u32::try_from(seconds).ok()
    }
}

fn number(port: i32) -> Option<u16> {
    u16::try_from(port).ok().filter(|port| *port > 0)
}

/// spec.clusterIPs; `None` (headless) and absent ones give nothing.
fn cluster_addresses(spec: &ServiceSpec) -> Vec<IpAddr> {
    let all =
        spec.cluster_ips.clone().filter(|list| !list.is_empty()).or_else(|| spec.cluster_ip.clone().map(|ip| vec![ip]));
    all.into_iter().flatten().filter_map(|text| text.parse().ok()).collect()
}

fn external_addresses(spec: &ServiceSpec) -> Vec<IpAddr> {
    spec.external_ips.iter().flatten().filter_map(|text| text.parse().ok()).collect()
}

/// Load balancer addresses that packets still carry when they reach a node (ipMode VIP, the default).
fn ingress_addresses(service: &Service) -> Vec<IpAddr> {
    let ingress =
        service.status.as_ref().and_then(|status| status.load_balancer.as_ref()).and_then(|lb| lb.ingress.as_ref());
    let kept = ingress.into_iter().flatten().filter(|ingress| ingress.ip_mode.as_deref() != Some("Proxy"));
    kept.filter_map(|ingress| ingress.ip.as_ref()?.parse().ok()).collect()
}

/// spec.loadBalancerSourceRanges, else the annotation; ranges inside another are left out. A list without any range of the family admits
/// nobody of it.
fn source_ranges(service: &Service, spec: &ServiceSpec, family: Family) -> Option<BTreeSet<Prefix>> {
    let mut texts = spec.load_balancer_source_ranges.clone().unwrap_or_default();
    if texts.is_empty() {
        let annotation =
            service.metadata.annotations.as_ref().and_then(|annotations| annotations.get(SOURCE_RANGES_ANNOTATION));
        texts = annotation.into_iter().flat_map(|list| list.split(',')).map(|range| range.trim().to_owned()).collect();
    }
    texts.retain(|text| !text.is_empty());
    if texts.is_empty() {
        return None;
    }
    let all: BTreeSet<Prefix> = texts.iter().filter_map(|text| text.trim().parse().ok()).collect();
    if all.iter().any(|range: &Prefix| range.length == 0 && Family::of(range.address) == family) {
        return None;
    }
    let family_only = all.iter().filter(|range| Family::of(range.address) == family);
    Some(
        family_only
            .filter(|range| {
                !all.iter().any(|other| other != *range && other.length < range.length && other.overlaps(range))
            })
            .copied()
            .collect(),
    )
}

//! A Service and its EndpointSlices -> its DNS record. Pure.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Service, ServiceSpec};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};

use super::records::{EndpointRecord, PortRecord, ServiceRecord};
use crate::protocol::Protocol;

/// The record of a Service; none while it has no address yet.
pub fn service_record(service: &Service, slices: &[&EndpointSlice]) -> Option<ServiceRecord> {
    let spec = service.spec.as_ref()?;
    if spec.type_.as_deref() == Some("ExternalName") {
        let name = spec.external_name.as_ref()?.trim_end_matches('.').to_owned();
        return Some(ServiceRecord::External { name });
    }
    if spec.cluster_ip.as_deref() == Some("None") {
        let mut endpoints: Vec<EndpointRecord> = slices.iter().flat_map(|slice| slice_endpoints(slice)).collect();
        endpoints.sort();
        endpoints.dedup();
        return Some(ServiceRecord::Headless { endpoints });
    }
    let addresses = cluster_addresses(spec);
    (!addresses.is_empty()).then(|| ServiceRecord::Cluster { addresses, ports: service_ports(spec) })
}

fn cluster_addresses(spec: &ServiceSpec) -> Vec<IpAddr> {
    let all = spec.cluster_ips.clone().filter(|list| !list.is_empty());
    let all = all.or_else(|| spec.cluster_ip.clone().map(|address| vec![address]));
    all.into_iter().flatten().filter_map(|text| text.parse().ok()).collect()
}

fn service_ports(spec: &ServiceSpec) -> Vec<PortRecord> {
    let ports = spec.ports.iter().flatten();
    ports.filter_map(|port| port_record(port.name.as_deref(), port.protocol.as_deref(), Some(port.port))).collect()
}

fn slice_endpoints(slice: &EndpointSlice) -> Vec<EndpointRecord> {
    let ports = slice.ports.iter().flatten();
    let ports: Vec<PortRecord> =
        ports.filter_map(|port| port_record(port.name.as_deref(), port.protocol.as_deref(), port.port)).collect();
    let ready = slice.endpoints.iter().flatten().filter(|endpoint| is_ready(endpoint));
    let records = ready.flat_map(|endpoint| {
        let addresses = endpoint.addresses.iter().filter_map(|text| text.parse::<IpAddr>().ok());
        addresses.map(|address| EndpointRecord { hostname: hostname(endpoint, address), address, ports: ports.clone() })
    });
    records.collect()
}

fn is_ready(endpoint: &Endpoint) -> bool {
    endpoint.conditions.as_ref().and_then(|conditions| conditions.ready).unwrap_or(true)
}

/// Without a hostname an endpoint is named by its address, with dashes.
fn hostname(endpoint: &Endpoint, address: IpAddr) -> String {
    let dashed = || address.to_string().replace(['.', ':'], "-");
    endpoint.hostname.clone().filter(|name| !name.is_empty()).unwrap_or_else(dashed)
}

fn port_record(name: Option<&str>, protocol: Option<&str>, number: Option<i32>) -> Option<PortRecord> {
    let protocol = Protocol::parse(protocol.unwrap_or("TCP"))?;
    Some(PortRecord { name: name.unwrap_or_default().to_owned(), protocol, number: u16::try_from(number?).ok()? })
}

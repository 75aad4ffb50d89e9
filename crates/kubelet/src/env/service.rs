//! The variables that name the services of a namespace, and the API server's (upstream's `envvars.FromServices`).

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, Service};

use super::wants_service_links;

/// The one service every Pod hears of.
const MASTER_NAMESPACE: &str = "default";
const MASTER: &str = "kubernetes";

/// `NAME_SERVICE_HOST`, `NAME_SERVICE_PORT` and the older link variables of every service that counts for the Pod.
pub fn variables(pod: &Pod, services: &[Arc<Service>]) -> BTreeMap<String, String> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let mut chosen: BTreeMap<&str, &Service> = BTreeMap::new();
    for service in services.iter().filter(|service| cluster_ip(service).is_some()) {
        let name = service.metadata.name.as_deref().unwrap_or_default();
        let of = service.metadata.namespace.as_deref().unwrap_or_default();
        let is_master = of == MASTER_NAMESPACE && name == MASTER;
        if of == namespace && (wants_service_links(pod) || is_master) {
            // A service of the Pod's own namespace wins over the API server's of the same name.
            chosen.insert(name, service);
        } else if is_master {
            chosen.entry(name).or_insert(service);
        }
    }
    chosen.into_iter().flat_map(|(name, service)| of_service(name, service)).collect()
}

fn cluster_ip(service: &Service) -> Option<&str> {
    let ip = service.spec.as_ref()?.cluster_ip.as_deref()?;
    (!ip.is_empty() && ip != "None").then_some(ip)
}

fn variable_name(text: &str) -> String {
    text.to_uppercase().replace('-', "_")
}

fn of_service(name: &str, service: &Service) -> Vec<(String, String)> {
    let (Some(ip), Some(spec)) = (cluster_ip(service), service.spec.as_ref()) else { return Vec::new() };
    let prefix = variable_name(name);
    let ports = spec.ports.as_deref().unwrap_or_default();
    let mut variables = vec![(format!("{prefix}_SERVICE_HOST"), ip.to_owned())];
    for (at, port) in ports.iter().enumerate() {
        if at == 0 {
            variables.push((format!("{prefix}_SERVICE_PORT"), port.port.to_string()));
        }
        if let Some(name) = port.name.as_deref().filter(|name| !name.is_empty()) {
            variables.push((format!("{prefix}_SERVICE_PORT_{}", variable_name(name)), port.port.to_string()));
        }
    }
    let host = if ip.contains(':') { format!("[{ip}]") } else { ip.to_owned() };
    for (at, port) in ports.iter().enumerate() {
        let protocol = port.protocol.as_deref().unwrap_or("TCP");
        let address = format!("{}://{host}:{}", protocol.to_lowercase(), port.port);
        if at == 0 {
            variables.push((format!("{prefix}_PORT"), address.clone()));
        }
        let port_prefix = format!("{prefix}_PORT_{}_{}", port.port, protocol.to_uppercase());
        variables.push((port_prefix.clone(), address));
        variables.push((format!("{port_prefix}_PROTO"), protocol.to_lowercase()));
        variables.push((format!("{port_prefix}_PORT"), port.port.to_string()));
        variables.push((format!("{port_prefix}_ADDR"), ip.to_owned()));
    }
    variables
}

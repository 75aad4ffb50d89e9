//! A Service's port -> a ready endpoint behind it, chosen at random. ClusterIPs are not used: nobody may proxy on this machine.

use api::kind::Kind;
use serde_json::Value;

use super::dial::Endpoint;
use super::target::ServiceReference;
use crate::objects::{Objects, parse};
use crate::rows::row;

const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// Why a Service leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ResolveError {
    #[error("service {0:?} not found")]
    ServiceNotFound(String),
    #[error("no service port {port} found for service {name:?}")]
    PortNotFound { name: String, port: String },
    #[error("no endpoints available for service {0:?}")]
    WithoutEndpoints(String),
}

/// Looks Services up in the store.
#[derive(Clone)]
pub(crate) struct Resolver {
    objects: Objects,
    services: &'static Kind,
    slices: &'static Kind,
}

impl Resolver {
    pub fn new(objects: Objects) -> Self {
        Self { objects, services: row("", "v1", "services"), slices: row("discovery.k8s.io", "v1", "endpointslices") }
    }

    /// A ready endpoint; for a Service of type ExternalName its name.
    pub fn resolve(&self, reference: &ServiceReference) -> Result<Endpoint, ResolveError> {
        let service = self.objects.get(self.services, &reference.namespace, &reference.name);
        let service = service.ok_or_else(|| ResolveError::ServiceNotFound(reference.name.clone()))?;
        if service["spec"]["type"] == "ExternalName" {
            let name = service["spec"]["externalName"].as_str().unwrap_or_default();
            return Ok(Endpoint::new(name, reference.port));
        }
        self.endpoint(&service, &reference.port.to_string(), &reference.name)
    }

    /// As [`Resolver::resolve`], of a Service that is read already; `port` is a number, or the name that its endpoints' port has (empty: it
    /// has none). `asked` is what errors call it when its endpoints lack that port.
    pub fn endpoint(&self, service: &Value, port: &str, asked: &str) -> Result<Endpoint, ResolveError> {
        let text = |field: &str| service["metadata"][field].as_str().unwrap_or_default().to_owned();
        let (namespace, name) = (text("namespace"), text("name"));
        let named = service_port(service, port)
            .ok_or_else(|| ResolveError::PortNotFound { name: name.clone(), port: port.to_owned() })?;
        let items = self.objects.items(self.slices, &namespace);
        let mine = items.iter().filter(|item| item.meta.labels.get(SERVICE_NAME) == Some(&name));
        let slices: Vec<Value> = mine.map(|item| parse(item)).collect();
        let empty = slices.iter().all(|slice| list(&slice["endpoints"]).next().is_none());
        let none = || ResolveError::WithoutEndpoints(if empty { name.clone() } else { asked.to_owned() });
        let endpoints = ready_endpoints(&slices, named);
        let count = u64::try_from(endpoints.len()).unwrap_or_default();
        let at = self.objects.env().random_u64().checked_rem(count).ok_or_else(none)?;
        usize::try_from(at).ok().and_then(|at| endpoints.into_iter().nth(at)).ok_or_else(none)
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn port_name(port: &Value) -> &str {
    port["name"].as_str().unwrap_or_default()
}

/// The name of the endpoints' port that is meant. A number is looked up among the Service's ports; all else is the name itself, so that no
/// name at all means a port without one (ResourceLocation in upstream's pkg/registry/core/service/storage).
pub(super) fn service_port<'a>(service: &'a Value, asked: &'a str) -> Option<&'a str> {
    let Ok(number) = asked.parse::<i64>() else { return Some(asked) };
    list(&service["spec"]["ports"]).find(|port| port["port"] == number).map(port_name)
}

/// What is ready behind one named port of a Service.
pub(super) fn ready_endpoints(slices: &[Value], named: &str) -> Vec<Endpoint> {
    let mut found = Vec::new();
    for slice in slices {
        let port = list(&slice["ports"]).find(|port| port_name(port) == named);
        let Some(port) = port.and_then(|port| port["port"].as_u64()).and_then(|port| u16::try_from(port).ok()) else {
            continue;
        };
        for endpoint in list(&slice["endpoints"]).filter(|endpoint| endpoint["conditions"]["ready"] != false) {
            let node = endpoint["nodeName"].as_str().unwrap_or_default();
            found.extend(endpoint["addresses"][0].as_str().map(|address| Endpoint::on(node, address, port)));
        }
    }
    found
}

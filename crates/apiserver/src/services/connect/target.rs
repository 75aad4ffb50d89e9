//! Where a request goes: a node's address, a Pod's container, the kubelet's path, a proxy's name. Pure.

use std::net::IpAddr;

use serde_json::Value;

use crate::dialer::Endpoint;
use crate::request::{Query, RequestInfo};
use crate::status::Status;

const KUBELET_PORT: u16 = 10250;

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Where the server reaches a node: the kubelet, or another of its ports.
pub(super) fn node_endpoint(node: &Value, port: u16) -> Result<Endpoint, Status> {
    let name = text(&node["metadata"], "name");
    let address = node_address(node);
    let address = address.ok_or_else(|| Status::internal(format!("no preferred addresses found for node {name:?}")))?;
    Ok(Endpoint::on(name, address, port))
}

fn node_address(node: &Value) -> Option<&str> {
    let of = |kind: &str| list(&node["status"]["addresses"]).find(|address| address["type"] == kind);
    let found = ["InternalIP", "ExternalIP", "InternalDNS", "ExternalDNS", "Hostname"].into_iter().find_map(of)?;
    Some(text(found, "address"))
}

pub(super) fn kubelet_port(node: &Value) -> u16 {
    let port = node["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"].as_u64();
    port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0).unwrap_or(KUBELET_PORT)
}

fn names(pod: &Value, field: &str) -> Vec<String> {
    list(&pod["spec"][field]).map(|container| text(container, "name").to_owned()).collect()
}

/// The container asked for, or the only one; upstream's errors otherwise.
pub(super) fn container(pod: &Value, asked: &str) -> Result<String, Status> {
    let name = text(&pod["metadata"], "name");
    let (main, init, ephemeral) =
        (names(pod, "containers"), names(pod, "initContainers"), names(pod, "ephemeralContainers"));
    if !asked.is_empty() {
        let known = [&main, &init, &ephemeral].into_iter().any(|list| list.iter().any(|known| known == asked));
        return if known {
            Ok(asked.to_owned())
        } else {
            Err(Status::bad_request(format!("container {asked} is not valid for pod {name}")))
        };
    }
    match main.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(Status::bad_request(format!("a container name must be specified for pod {name}"))),
        many => {
            let mut why =
                format!("a container name must be specified for pod {name}, choose one of: [{}]", many.join(" "));
            if !init.is_empty() {
                why += &format!(" or one of the init containers: [{}]", init.join(" "));
            }
            if !ephemeral.is_empty() {
                why += &format!(" or one of the ephemeral containers: [{}]", ephemeral.join(" "));
            }
            Err(Status::bad_request(why))
        }
    }
}

const LOG_PARAMETERS: [&str; 8] =
    ["follow", "previous", "sinceSeconds", "sinceTime", "timestamps", "tailLines", "limitBytes", "stream"];
/// PodExecOptions' names -> the kubelet's.
const STREAMS: [(&str, &str); 4] = [("stdin", "input"), ("stdout", "output"), ("stderr", "error"), ("tty", "tty")];

/// The kubelet's path for a subresource of a Pod.
pub(super) fn kubelet_path(subresource: &str, pod: &Value, container: &str, query: &Query) -> String {
    let (namespace, name) = (text(&pod["metadata"], "namespace"), text(&pod["metadata"], "name"));
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    let path = match subresource {
        "log" => {
            pairs.extend(LOG_PARAMETERS.iter().filter_map(|key| Some((*key, query.get(key)?))));
            format!("/containerLogs/{namespace}/{name}/{container}")
        }
        "portforward" => {
            pairs.extend(query.all("ports").map(|port| ("port", port)));
            format!("/portForward/{namespace}/{name}")
        }
        _ => {
            // stdout and stderr are on unless they are turned off, as upstream defaults them.
            let on = |key: &str| query.get(key).map_or(matches!(key, "stdout" | "stderr"), |_| query.flag(key));
            pairs.extend(STREAMS.iter().filter(|(key, _)| on(key)).map(|(_, name)| (*name, "1")));
            pairs.extend(query.all("command").map(|word| ("command", word)));
            format!("/{subresource}/{namespace}/{name}/{container}")
        }
    };
    with_query(path, &pairs)
}

fn with_query(path: String, pairs: &[(&str, &str)]) -> String {
    let text: Vec<String> = pairs.iter().map(|(key, value)| format!("{}={}", escape(key), escape(value))).collect();
    if text.is_empty() { path } else { format!("{path}?{}", text.join("&")) }
}

/// Percent-encodes all but unreserved characters.
fn escape(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// What is wrong with PodLogOptions.
pub(super) fn check_log_options(query: &Query) -> Vec<api::field_error::FieldError> {
    use api::field_error::FieldError;
    let number = |key: &str| query.get(key).and_then(|value| value.parse::<i64>().ok());
    let mut errors = Vec::new();
    let mut at_least = |key: &str, least: i64, why: &str| {
        if let Some(value) = number(key).filter(|value| *value < least) {
            errors.push(FieldError::invalid(key, &value.into(), why));
        }
    };
    at_least("tailLines", 0, "must be greater than or equal to 0");
    at_least("limitBytes", 1, "must be greater than 0");
    at_least("sinceSeconds", 1, "must be greater than 0");
    if query.get("sinceSeconds").is_some() && query.get("sinceTime").is_some() {
        errors.push(FieldError::forbidden("", "at most one of `sinceTime` or `sinceSeconds` may be specified"));
    }
    errors
}

/// `[scheme:]name[:port]`, as proxies take it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ProxyName {
    pub scheme: String,
    pub name: String,
    pub port: String,
}

impl ProxyName {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let (scheme, name, port) = match parts.as_slice() {
            [name] => ("", *name, ""),
            [name, port] => ("", *name, *port),
            [scheme @ ("http" | "https"), name, port] => (*scheme, *name, *port),
            _ => return None,
        };
        let owned = |text: &str| text.to_owned();
        (!name.is_empty()).then(|| Self { scheme: owned(scheme), name: owned(name), port: owned(port) })
    }
}

/// 400 unless a proxy may go to this address: what is this machine's own, or of one link only (clouds' metadata), is nobody's to ask for.
pub(super) fn check_address(address: Option<IpAddr>) -> Result<(), Status> {
    address.filter(is_global_unicast).map(drop).ok_or_else(|| Status::bad_request("address not allowed"))
}

/// Go's IP.IsGlobalUnicast, which private addresses are too.
fn is_global_unicast(address: &IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let special = address.is_broadcast() || address.is_unspecified() || address.is_loopback();
            !(special || address.is_multicast() || address.is_link_local())
        }
        IpAddr::V6(address) => {
            let special = address.is_unspecified() || address.is_loopback();
            !(special || address.is_multicast() || address.is_unicast_link_local())
        }
    }
}

/// What follows `/proxy` in a path, as the client wrote it; names may have `proxy` in them, so that segments are counted.
pub(super) fn proxied_path<'a>(path: &'a str, info: &RequestInfo) -> &'a str {
    let group = if info.api_group.is_empty() { 2 } else { 3 };
    let segments = group + if info.in_namespace { 5 } else { 3 };
    let trimmed = path.trim_start_matches('/');
    trimmed.match_indices('/').nth(segments - 1).map_or("", |(at, _)| &trimmed[at..])
}

/// A Pod for a proxy: the port asked for, its first one, or the scheme's.
pub(super) fn pod_endpoint(pod: &Value, asked: &ProxyName) -> Result<Endpoint, Status> {
    let (port, usual) = (&asked.port, if asked.scheme == "https" { 443 } else { 80 });
    let address = text(&pod["status"], "podIP");
    check_address(address.parse().ok())?;
    let ports = list(&pod["spec"]["containers"]).flat_map(|container| list(&container["ports"]));
    let first = ports.into_iter().find_map(|port| port["containerPort"].as_u64());
    let number = if port.is_empty() { Some(first.unwrap_or(usual)) } else { port.parse().ok() };
    match number.and_then(|number| u16::try_from(number).ok()).filter(|number| *number > 0) {
        Some(number) => Ok(Endpoint::on(text(&pod["spec"], "nodeName"), address, number)),
        None => Err(Status::bad_request(format!("invalid pod port {port:?}"))),
    }
}

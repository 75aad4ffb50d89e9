//! The CRI configuration of a Pod's sandbox. Pure.

use std::collections::BTreeMap;
use std::path::Path;

use k8s_openapi::api::core::v1::{Container, Pod};

use crate::containers::{containers, init_containers, is_sidecar, spec};
use crate::cri::v1 as cri;
use crate::hostname::{HostnameError, kernel_hostname};
use crate::labels;
use crate::logs::paths;
use crate::resources::linux::{Machine, QUOTA_PERIOD_US, quota, shares};
use crate::resources::total::{Resources, Side, pod_total, quantities};
use crate::security::sandbox_context;

/// What a sandbox takes from the node.
pub struct Given<'a> {
    pub pod_logs: &'a Path,
    pub cluster_domain: &'a str,
    pub dns: cri::DnsConfig,
    pub cgroup_parent: String,
    pub log_max_size: u64,
    pub log_max_files: u32,
    pub machine: Machine,
}

pub fn sandbox_config(pod: &Pod, attempt: u32, given: &Given) -> Result<cri::PodSandboxConfig, HostnameError> {
    let on_host_network = spec(pod).host_network == Some(true);
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    let meta = &pod.metadata;
    let mut annotations = meta.annotations.clone().unwrap_or_default();
    annotations.insert(labels::LOG_MAX_SIZE.to_owned(), given.log_max_size.to_string());
    annotations.insert(labels::LOG_MAX_FILES.to_owned(), given.log_max_files.to_string());
    Ok(cri::PodSandboxConfig {
        metadata: Some(cri::PodSandboxMetadata {
            name: text(&meta.name),
            uid: text(&meta.uid),
            namespace: text(&meta.namespace),
            attempt,
        }),
        hostname: if on_host_network { String::new() } else { kernel_hostname(pod, given.cluster_domain)? },
        log_directory: paths::pod_directory(given.pod_logs, pod).display().to_string(),
        dns_config: Some(given.dns.clone()),
        port_mappings: port_mappings(pod),
        labels: labels::sandbox_labels(pod),
        annotations,
        linux: Some(cri::LinuxPodSandboxConfig {
            cgroup_parent: given.cgroup_parent.clone(),
            security_context: Some(sandbox_context(pod)),
            sysctls: sysctls(pod),
            overhead: Some(as_resources(&quantities(spec(pod).overhead.as_ref()), &Resources::new())),
            resources: Some(as_resources(&pod_total(pod, Side::Requests), &pod_total(pod, Side::Limits))),
        }),
        windows: None,
    })
}

/// Requests and limits of the whole Pod, for runtimes that size a virtual machine by them.
fn as_resources(requests: &Resources, limits: &Resources) -> cri::LinuxContainerResources {
    let milli = |list: &Resources| list.get("cpu").map_or(0, |quantity| quantity.milli_value());
    let memory = limits.get("memory").or_else(|| requests.get("memory")).filter(|_| !limits.is_empty());
    cri::LinuxContainerResources {
        cpu_period: QUOTA_PERIOD_US,
        cpu_quota: quota(milli(limits)),
        cpu_shares: shares(milli(requests)),
        memory_limit_in_bytes: memory.map_or(0, |quantity| quantity.value()),
        ..cri::LinuxContainerResources::default()
    }
}

/// Names may be written with slashes; the runtime knows dots.
fn sysctls(pod: &Pod) -> BTreeMap<String, String> {
    let context = spec(pod).security_context.as_ref();
    let sysctls = context.and_then(|context| context.sysctls.as_deref()).unwrap_or_default();
    sysctls.iter().map(|sysctl| (dotted(&sysctl.name), sysctl.value.clone())).collect()
}

/// The first separator tells which of the two forms a name is in.
fn dotted(name: &str) -> String {
    match name.find(['.', '/']) {
        Some(at) if name.as_bytes()[at] == b'/' => name
            .chars()
            .map(|c| {
                if c == '/' {
                    '.'
                } else if c == '.' {
                    '/'
                } else {
                    c
                }
            })
            .collect(),
        _ => name.to_owned(),
    }
}

fn port_mappings(pod: &Pod) -> Vec<cri::PortMapping> {
    let sidecars = init_containers(pod).iter().filter(|container| is_sidecar(container));
    let ports = |container: &Container| container.ports.clone().unwrap_or_default();
    let all = sidecars.chain(containers(pod)).flat_map(ports);
    all.map(|port| cri::PortMapping {
        protocol: match port.protocol.as_deref() {
            Some("UDP") => cri::Protocol::Udp,
            Some("SCTP") => cri::Protocol::Sctp,
            _ => cri::Protocol::Tcp,
        } as i32,
        container_port: port.container_port,
        host_port: port.host_port.unwrap_or(0),
        host_ip: port.host_ip.unwrap_or_default(),
    })
    .collect()
}

//! A Pod's resolver: servers, search path and options by dnsPolicy and dnsConfig. Pure.

use k8s_openapi::api::core::v1::Pod;

use crate::containers::spec;
use crate::cri::v1::DnsConfig;

/// Limits of glibc's resolver (upstream validation has the same).
const SERVERS_MAX: usize = 3;
const SEARCHES_MAX: usize = 32;

/// The cluster's DNS, from the kubelet's configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterDns {
    pub servers: Vec<String>,
    pub domain: String,
}

/// Reads a resolv.conf; lines that are none of its own are skipped.
pub fn parse_resolv_conf(text: &str) -> DnsConfig {
    let mut config = DnsConfig::default();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("nameserver") => config.servers.extend(words.next().map(str::to_owned)),
            Some("search") => {
                config.searches =
                    words.filter(|word| *word != ".").map(|word| word.trim_end_matches('.').to_owned()).collect()
            }
            Some("options") => config.options = words.map(str::to_owned).collect(),
            _ => {}
        }
    }
    config
}

/// The resolver of a Pod; `host` is the node's own.
pub fn pod_dns(pod: &Pod, cluster: &ClusterDns, host: &DnsConfig) -> DnsConfig {
    let spec = spec(pod);
    let on_host_network = spec.host_network == Some(true);
    let mut config = match spec.dns_policy.as_deref().unwrap_or("ClusterFirst") {
        "None" => DnsConfig::default(),
        "Default" => host.clone(),
        "ClusterFirst" if on_host_network => host.clone(),
        _ if cluster.servers.is_empty() => host.clone(),
        _ => cluster_first(pod, cluster, host),
    };
    if let Some(own) = &spec.dns_config {
        merge(&mut config.servers, own.nameservers.as_deref().unwrap_or_default());
        merge(&mut config.searches, own.searches.as_deref().unwrap_or_default());
        for option in own.options.iter().flatten() {
            let name = option.name.clone().unwrap_or_default();
            config.options.retain(|known| known.split(':').next() != Some(name.as_str()));
            let value = option.value.as_deref().filter(|value| !value.is_empty());
            config.options.push(value.map_or(name.clone(), |value| format!("{name}:{value}")));
        }
    }
    config.servers.truncate(SERVERS_MAX);
    config.searches.truncate(SEARCHES_MAX);
    config
}

fn cluster_first(pod: &Pod, cluster: &ClusterDns, host: &DnsConfig) -> DnsConfig {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let domain = &cluster.domain;
    let mut searches = vec![format!("{namespace}.svc.{domain}"), format!("svc.{domain}"), domain.clone()];
    merge(&mut searches, &host.searches);
    DnsConfig { servers: cluster.servers.clone(), searches, options: vec!["ndots:5".to_owned()] }
}

fn merge(list: &mut Vec<String>, more: &[String]) {
    for text in more {
        if !list.contains(text) {
            list.push(text.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn dns(spec: serde_json::Value) -> DnsConfig {
        let pod =
            serde_json::from_value(json!({"metadata": {"name": "p", "namespace": "shop"}, "spec": spec})).unwrap();
        let cluster = ClusterDns { servers: vec!["10.43.0.10".to_owned()], domain: "cluster.local".to_owned() };
        pod_dns(&pod, &cluster, &parse_resolv_conf("# c\nnameserver 1.1.1.1\nsearch lan.example.\noptions rotate\n"))
    }

    /// dns_test.go, TestGetPodDNS, and the documentation of dnsConfig.
    #[test]
    fn by_policy() {
        let cluster = dns(json!({"containers": []}));
        assert_eq!(cluster.servers, ["10.43.0.10"]);
        assert_eq!(cluster.searches, ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local", "lan.example"]);
        assert_eq!(cluster.options, ["ndots:5"]);
        assert_eq!(dns(json!({"containers": [], "hostNetwork": true})).servers, ["1.1.1.1"]);
        assert_eq!(
            dns(json!({"containers": [], "hostNetwork": true, "dnsPolicy": "ClusterFirstWithHostNet"})).servers,
            ["10.43.0.10"]
        );
        assert_eq!(dns(json!({"containers": [], "dnsPolicy": "Default"})).options, ["rotate"]);
        let own = json!({"containers": [], "dnsPolicy": "None", "dnsConfig": {"nameservers": ["192.0.2.1"], "searches": ["a.b"],
            "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}]}});
        let own = dns(own);
        assert_eq!((own.servers, own.searches), (vec!["192.0.2.1".to_owned()], vec!["a.b".to_owned()]));
        assert_eq!(own.options, ["ndots:2", "edns0"]);
        let merged = dns(json!({"containers": [], "dnsConfig": {"options": [{"name": "ndots", "value": "1"}]}}));
        assert_eq!(merged.options, ["ndots:1"]);
    }
}

//! The Service and EndpointSlice by which Pods reach the edge's DNS. The Service has no selector, so that nobody fills in other endpoints;
//! who wants CoreDNS gives it one. Pure.

use std::net::{IpAddr, SocketAddr};

use serde_json::{Value, json};

/// What the server applies at bootstrap.
#[derive(Debug, Clone, PartialEq)]
pub struct Objects {
    /// Service kube-system/kube-dns.
    pub service: Value,
    /// Its EndpointSlice with the edge of one node.
    pub endpoint_slice: Value,
}

/// The objects for the edge at `edge`, behind the Service address `cluster_dns`.
pub fn objects(edge: SocketAddr, cluster_dns: IpAddr) -> Objects {
    let labels =
        json!({"k8s-app": "kube-dns", "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS"});
    let ports = [("dns", "UDP"), ("dns-tcp", "TCP")];
    let service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kube-dns", "namespace": "kube-system", "labels": labels},
        "spec": {
            "type": "ClusterIP",
            "clusterIP": cluster_dns,
            "clusterIPs": [cluster_dns],
            "ports": ports.map(|(name, protocol)| json!({"name": name, "protocol": protocol, "port": 53, "targetPort": edge.port()})),
        },
    });
    let endpoint_slice = json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": format!("kube-dns-{}", edge.ip().to_string().replace(['.', ':'], "-")),
            "namespace": "kube-system",
            "labels": {"kubernetes.io/service-name": "kube-dns", "endpointslice.kubernetes.io/managed-by": "edge.oxkube.io"},
        },
        "addressType": if edge.is_ipv4() { "IPv4" } else { "IPv6" },
        "endpoints": [{"addresses": [edge.ip()], "conditions": {"ready": true, "serving": true, "terminating": false}}],
        "ports": ports.map(|(name, protocol)| json!({"name": name, "protocol": protocol, "port": edge.port()})),
    });
    Objects { service, endpoint_slice }
}

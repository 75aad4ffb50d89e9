//! The cluster's own objects besides RBAC and flow control: namespaces, the Service kubernetes, published configuration.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::reconcile::{Desired, Keep};
use crate::config::Config;
use crate::pki::{Pki, PkiError, first_service_address};

/// The four namespaces; everything else needs them.
pub(crate) fn namespaces() -> Vec<Desired> {
    let names = ["default", "kube-system", "kube-public", "kube-node-lease"];
    let object = |name| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    names.into_iter().map(|name| Desired::new(object(name), Keep::Exists)).collect()
}

/// Everything that is not a namespace.
pub(crate) fn objects(config: &Config, pki: &Pki) -> Result<Vec<Desired>, PkiError> {
    let mut all = service(config)?;
    all.extend(configuration(config, pki));
    all.extend(priority_classes());
    let cidrs = json!({"cidrs": config.service_cidrs});
    let service_cidr = json!({"apiVersion": "networking.k8s.io/v1", "kind": "ServiceCIDR", "metadata": {"name": "kubernetes"}, "spec": cidrs});
    all.push(Desired::new(service_cidr, Keep::Exists));
    Ok(all)
}

/// Service default/kubernetes with what it leads to.
fn service(config: &Config) -> Result<Vec<Desired>, PkiError> {
    let primary = config.service_cidrs.first().map(String::as_str).unwrap_or_default();
    let address = first_service_address(primary)?;
    let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
    let labels = json!({"component": "apiserver", "provider": "kubernetes"});
    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "kubernetes", "namespace": "default", "labels": labels},
        "spec": {
            "type": "ClusterIP", "clusterIP": address.to_string(), "clusterIPs": [address.to_string()],
            "ipFamilies": [family], "ipFamilyPolicy": "SingleStack", "sessionAffinity": "None",
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": config.https_port}],
        },
    });
    let advertised = config.advertise_address.to_string();
    let port = json!({"name": "https", "port": config.https_port, "protocol": "TCP"});
    let endpoints = json!({
        "apiVersion": "v1", "kind": "Endpoints",
        "metadata": {"name": "kubernetes", "namespace": "default", "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}},
        "subsets": [{"addresses": [{"ip": advertised}], "ports": [port]}],
    });
    let address_type = if matches!(config.advertise_address, IpAddr::V4(_)) { "IPv4" } else { "IPv6" };
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": "kubernetes", "namespace": "default", "labels": {"kubernetes.io/service-name": "kubernetes"}},
        "addressType": address_type,
        "endpoints": [{"addresses": [advertised], "conditions": {"ready": true}}],
        "ports": [port],
    });
    let mut all = vec![Desired::new(service, Keep::Exists)];
    if reaches_others(config.advertise_address) {
        all.push(Desired::new(endpoints, Keep::Fields(&["subsets"])));
        all.push(Desired::new(slice, Keep::Fields(&["endpoints", "ports"])));
    }
    Ok(all)
}

/// An address that means something else on every machine is no endpoint: a Service that led there would be refused.
fn reaches_others(address: IpAddr) -> bool {
    let link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    !(address.is_loopback() || address.is_unspecified() || link_local)
}

/// ConfigMaps that tell others how to reach and trust this cluster.
fn configuration(config: &Config, pki: &Pki) -> Vec<Desired> {
    let authentication = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "extension-apiserver-authentication", "namespace": "kube-system"},
        "data": {
            "client-ca-file": pki.keys.client_authority.pem(),
            "requestheader-allowed-names": "[\"system:auth-proxy\"]",
            "requestheader-client-ca-file": pki.keys.front_proxy_authority.pem(),
            "requestheader-extra-headers-prefix": "[\"X-Remote-Extra-\"]",
            "requestheader-group-headers": "[\"X-Remote-Group\"]",
            "requestheader-uid-headers": "[\"X-Remote-Uid\"]",
            "requestheader-username-headers": "[\"X-Remote-User\"]",
        },
    });
    let authority = STANDARD.encode(pki.keys.server_authority.pem());
    let host = match config.advertise_address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    let kubeconfig = format!(
        "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: {authority}\n    server: https://{host}:{}\n  \
         name: \"\"\ncontexts: null\ncurrent-context: \"\"\nkind: Config\npreferences: {{}}\nusers: null\n",
        config.https_port
    );
    let cluster_info = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "cluster-info", "namespace": "kube-public"},
        "data": {"kubeconfig": kubeconfig},
    });
    vec![Desired::new(authentication, Keep::Data), Desired::new(cluster_info, Keep::Data)]
}

fn priority_classes() -> Vec<Desired> {
    let rows = [
        (
            "system-cluster-critical",
            2_000_000_000,
            "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
        ),
        (
            "system-node-critical",
            2_000_001_000,
            "Used for system critical pods that must not be moved from their current node.",
        ),
    ];
    let object = |(name, value, description): (&str, i64, &str)| -> Value {
        json!({
            "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name},
            "value": value, "description": description, "preemptionPolicy": "PreemptLowerPriority",
        })
    };
    rows.into_iter().map(|row| Desired::new(object(row), Keep::Exists)).collect()
}

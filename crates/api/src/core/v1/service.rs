//! Service: one address for a set of Pods. Addresses and node ports are given by the API server's service of the same name.

pub(crate) mod validate;

use crate::kind::{Column, Hooks, Kind, NameRule, STANDARD_VERBS, Subresource, SubresourceRole, WriteContext};
use crate::printer::{self, NONE};
use crate::strategy::drop_status;
use crate::tree::{at, at_mut, default as fill, int, items, items_mut, remove, set, text};
use serde_json::{Value, json};

pub static KIND: Kind = Kind {
    group: "",
    version: "v1",
    kind: "Service",
    plural: "services",
    singular: "service",
    short_names: &["svc"],
    categories: &["all"],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "services/specs",
    storage_version: None,
    subresources: &[
        Subresource {
            name: "proxy",
            group: "",
            version: "v1",
            kind: "ServiceProxyOptions",
            verbs: &["create", "delete", "get", "patch", "update"],
            role: SubresourceRole::Service,
        },
        Subresource::status("", "v1", "Service"),
    ],
    columns: COLUMNS,
    service: "services",
    hooks: Hooks {
        validate: validate::service,
        validate_update: validate::update,

        default,
        prepare_create: drop_status,
        prepare_update,
        selectable_fields,
        has_status: true,
        create_on_update: true,
        name_rule: NameRule::DnsLabel,
        ..Hooks::NONE
    },
};

const COLUMNS: &[Column] = &[
    Column::string("Type", "How the Service is exposed.", |service, _| text(service, "spec.type").into()),
    Column::string("Cluster-IP", "IP address of the service.", |service, _| {
        items(service, "spec.clusterIPs").first().cloned().unwrap_or_else(|| NONE.into())
    }),
    Column::string(
        "External-IP",
        "Addresses from outside for which nodes accept traffic for this service.",
        |service, _| external(service).into(),
    ),
    Column::string("Port(s)", "The ports that are exposed by this service.", |service, _| ports(service).into()),
    Column::string("Selector", "Pods whose labels match get the traffic.", |service, _| {
        printer::labels(service, "spec.selector")
    })
    .wide(),
];

fn external(service: &Value) -> String {
    let external = printer::joined(service, "spec.externalIPs");
    match text(service, "spec.type") {
        "ClusterIP" | "NodePort" if external.is_empty() => NONE.to_owned(),
        "ClusterIP" | "NodePort" => external,
        "LoadBalancer" => match (printer::load_balancer(service), external) {
            (balancer, external) if balancer.is_empty() && external.is_empty() => "<pending>".to_owned(),
            (balancer, external) if balancer.is_empty() || external.is_empty() => balancer + &external,
            (balancer, external) => format!("{balancer},{external}"),
        },
        "ExternalName" => text(service, "spec.externalName").to_owned(),
        _ => printer::UNKNOWN.to_owned(),
    }
}

fn ports(service: &Value) -> String {
    let port = |port: &Value| {
        let (number, protocol) = (int(port, "port").unwrap_or_default(), text(port, "protocol"));
        match int(port, "nodePort") {
            Some(node) if node > 0 => format!("{number}:{node}/{protocol}"),
            _ => format!("{number}/{protocol}"),
        }
    };
    let ports: Vec<String> = items(service, "spec.ports").iter().map(port).collect();
    if ports.is_empty() { NONE.to_owned() } else { ports.join(",") }
}

fn selectable_fields(service: &Value) -> Vec<(&'static str, String)> {
    ["spec.clusterIP", "spec.type"].map(|path| (path, text(service, path).to_owned())).into()
}

/// Traffic may come from outside the cluster.
pub(crate) fn externally_accessible(service: &Value) -> bool {
    match text(service, "spec.type") {
        "LoadBalancer" | "NodePort" => true,
        "ClusterIP" => !items(service, "spec.externalIPs").is_empty(),
        _ => false,
    }
}

fn default(service: &mut Value) {
    if let Some(spec) = at_mut(service, "spec") {
        fill(spec, "sessionAffinity", "None");
        session_affinity(spec);
        fill(spec, "type", "ClusterIP");
        items_mut(spec, "ports").for_each(default_port);
        if matches!(text(spec, "type"), "NodePort" | "LoadBalancer" | "ClusterIP") {
            fill(spec, "internalTrafficPolicy", "Cluster");
        }
        if text(spec, "type") == "LoadBalancer" {
            fill(spec, "allocateLoadBalancerNodePorts", true);
        }
    }
    if externally_accessible(service) {
        fill(&mut service["spec"], "externalTrafficPolicy", "Cluster");
    }
    if text(service, "spec.type") == "LoadBalancer"
        && let Some(balancer) = at_mut(service, "status.loadBalancer")
    {
        for ingress in items_mut(balancer, "ingress").filter(|ingress| !text(ingress, "ip").is_empty()) {
            fill(ingress, "ipMode", "VIP");
        }
    }
}

fn session_affinity(spec: &mut Value) {
    /// Three hours.
    const TIMEOUT_SECONDS: i64 = 10_800;
    match text(spec, "sessionAffinity") {
        "None" => drop(remove(spec, "sessionAffinityConfig")),
        "ClientIP" if int(spec, "sessionAffinityConfig.clientIP.timeoutSeconds").is_none() => {
            set(spec, "sessionAffinityConfig", json!({"clientIP": {"timeoutSeconds": TIMEOUT_SECONDS}}));
        }
        _ => {}
    }
}

fn default_port(port: &mut Value) {
    fill(port, "protocol", "TCP");
    let target = at(port, "targetPort");
    if target.is_null() || *target == json!(0) || *target == json!("") {
        let number = at(port, "port").clone();
        set(port, "targetPort", number);
    }
}

fn needs_cluster_ip(service: &Value) -> bool {
    text(service, "spec.type") != "ExternalName"
}

/// Node ports stand on NodePorts, and on LoadBalancers that have not renounced them.
pub(crate) fn needs_node_port(service: &Value) -> bool {
    match text(service, "spec.type") {
        "NodePort" => true,
        "LoadBalancer" => at(service, "spec.allocateLoadBalancerNodePorts") != &json!(false),
        _ => false,
    }
}

/// The load balancer asks each node whether it has endpoints of its own.
pub(crate) fn needs_health_check_node_port(service: &Value) -> bool {
    text(service, "spec.type") == "LoadBalancer" && text(service, "spec.externalTrafficPolicy") == "Local"
}

/// Fields that only another type has use for are dropped when the type changes and they did not.
fn prepare_update(new: &mut Value, old: &Value, _: &WriteContext) {
    let same = |new: &Value, path: &str| at(new, path) == at(old, path);
    let mut gone: Vec<&str> = Vec::new();
    if needs_cluster_ip(old) && !needs_cluster_ip(new) {
        if same(new, "spec.clusterIP") && same(new, "spec.clusterIPs") {
            gone.extend(["clusterIP", "clusterIPs"]);
        }
        gone.extend(["ipFamilies", "ipFamilyPolicy"].iter().filter(|field| same(new, &format!("spec.{field}"))));
    }
    if needs_health_check_node_port(old) && !needs_health_check_node_port(new) && same(new, "spec.healthCheckNodePort")
    {
        gone.push("healthCheckNodePort");
    }
    let balanced = |service: &Value| text(service, "spec.type") == "LoadBalancer";
    if balanced(old) && !balanced(new) {
        let dropped = ["allocateLoadBalancerNodePorts", "loadBalancerClass"];
        gone.extend(dropped.iter().filter(|field| same(new, &format!("spec.{field}"))));
    }
    if externally_accessible(old) && !externally_accessible(new) && same(new, "spec.externalTrafficPolicy") {
        gone.push("externalTrafficPolicy");
    }
    let node_ports = needs_node_port(old) && !needs_node_port(new) && same_node_ports(new, old);
    if !balanced(new)
        && let Some(status) = at_mut(new, "status")
        && status.get("loadBalancer").is_some()
    {
        set(status, "loadBalancer", json!({}));
    }
    let Some(spec) = at_mut(new, "spec") else { return };
    gone.into_iter().for_each(|field| drop(remove(spec, field)));
    if node_ports {
        items_mut(spec, "ports").for_each(|port| drop(remove(port, "nodePort")));
    }
}

fn same_node_ports(new: &Value, old: &Value) -> bool {
    let ports = |service: &Value| -> Vec<Option<i64>> {
        let mut ports: Vec<_> = items(service, "spec.ports").iter().map(|port| int(port, "nodePort")).collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    };
    ports(new) == ports(old)
}

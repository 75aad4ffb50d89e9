//! Whether a Pod may be on a node, as scheduler, controllers and kubelets ask it: node selectors and required affinity, taints and tolerations,
//! host ports.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{NodeSelectorRequirement, NodeSelectorTerm, PodSpec, Taint, Toleration};

/// Whether nodeSelector and required node affinity accept a node of this name and these labels.
pub fn selects(spec: &PodSpec, node_name: &str, labels: &BTreeMap<String, String>) -> bool {
    if !spec.node_selector.iter().flatten().all(|(key, value)| labels.get(key) == Some(value)) {
        return false;
    }
    let affinity = spec.affinity.as_ref().and_then(|affinity| affinity.node_affinity.as_ref());
    let required = affinity.and_then(|affinity| affinity.required_during_scheduling_ignored_during_execution.as_ref());
    required
        .is_none_or(|selector| selector.node_selector_terms.iter().any(|term| matches_term(term, node_name, labels)))
}

/// A term without requirements matches nothing, as upstream has it.
pub fn matches_term(term: &NodeSelectorTerm, node_name: &str, labels: &BTreeMap<String, String>) -> bool {
    let expressions = term.match_expressions.as_deref().unwrap_or_default();
    let fields = term.match_fields.as_deref().unwrap_or_default();
    if expressions.is_empty() && fields.is_empty() {
        return false;
    }
    let name = |field: &str| (field == "metadata.name").then_some(node_name);
    expressions.iter().all(|requirement| holds(requirement, labels.get(&requirement.key).map(String::as_str)))
        && fields.iter().all(|requirement| holds(requirement, name(&requirement.key)))
}

fn holds(requirement: &NodeSelectorRequirement, value: Option<&str>) -> bool {
    let values = requirement.values.as_deref().unwrap_or_default();
    let among = || value.is_some_and(|value| values.iter().any(|wanted| wanted == value));
    let compare = |test: fn(i64, i64) -> bool| {
        let bound = values.first().map(String::as_str);
        value.zip(bound).and_then(|(left, right)| numbers(left, right)).is_some_and(|(left, right)| test(left, right))
    };
    match requirement.operator.as_str() {
        "In" => among(),
        "NotIn" => !among(),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => compare(|left, right| left > right),
        "Lt" => compare(|left, right| left < right),
        _ => false,
    }
}

fn numbers(left: &str, right: &str) -> Option<(i64, i64)> {
    left.parse().ok().zip(right.parse().ok())
}

/// Whether a toleration covers a taint; Lt and Gt compare numbers (KEP-5471).
pub fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let effect = toleration.effect.as_deref().unwrap_or_default();
    let key = toleration.key.as_deref().unwrap_or_default();
    if !effect.is_empty() && effect != taint.effect || !key.is_empty() && key != taint.key {
        return false;
    }
    let wanted = toleration.value.as_deref().unwrap_or_default();
    let value = taint.value.as_deref().unwrap_or_default();
    match toleration.operator.as_deref().unwrap_or("Equal") {
        "Exists" => true,
        "Equal" | "" => !key.is_empty() && wanted == value,
        "Lt" => numbers(value, wanted).is_some_and(|(value, wanted)| value < wanted),
        "Gt" => numbers(value, wanted).is_some_and(|(value, wanted)| value > wanted),
        _ => false,
    }
}

/// A host port in use: (ip, protocol, port).
pub type HostPort = (String, String, i32);

/// The host ports that the Pod's containers and sidecars take.
pub fn host_ports(spec: &PodSpec) -> Vec<HostPort> {
    let init = spec.init_containers.iter().flatten();
    let sidecars = init.filter(|container| container.restart_policy.as_deref() == Some("Always"));
    let ports = spec.containers.iter().chain(sidecars).flat_map(|container| container.ports.iter().flatten());
    let taken = ports.filter_map(|port| {
        let number = port.host_port.filter(|number| *number > 0)?;
        let ip = port.host_ip.clone().filter(|ip| !ip.is_empty()).unwrap_or_else(|| "0.0.0.0".to_owned());
        Some((ip, port.protocol.clone().unwrap_or_else(|| "TCP".to_owned()), number))
    });
    taken.collect()
}

/// Whether one host port shuts out the other: a port is taken once per address and protocol.
pub fn collide(left: &HostPort, right: &HostPort) -> bool {
    let everywhere = |ip: &str| ip == "0.0.0.0" || ip == "::";
    left.1 == right.1 && left.2 == right.2 && (left.0 == right.0 || everywhere(&left.0) || everywhere(&right.0))
}

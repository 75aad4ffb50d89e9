//! What a Service needs of addresses and ports, by its type, and what it keeps from its old state. Pure.

use serde_json::{Value, json};

fn kind(service: &Value) -> &str {
    service["spec"]["type"].as_str().unwrap_or("ClusterIP")
}

/// Whether it has an address of its own (headless ones say they want none).
pub(super) fn needs_address(service: &Value) -> bool {
    kind(service) != "ExternalName"
}

pub(super) fn needs_node_ports(service: &Value) -> bool {
    match kind(service) {
        "NodePort" => true,
        "LoadBalancer" => service["spec"]["allocateLoadBalancerNodePorts"] != false,
        _ => false,
    }
}

fn may_have_node_ports(service: &Value) -> bool {
    matches!(kind(service), "NodePort" | "LoadBalancer")
}

pub(super) fn needs_health_check_port(service: &Value) -> bool {
    kind(service) == "LoadBalancer" && service["spec"]["externalTrafficPolicy"] == "Local"
}

fn remove(spec: &mut Value, field: &str) {
    if let Some(spec) = spec.as_object_mut() {
        spec.remove(field);
    }
}

/// clusterIP is clusterIPs' first, whichever was given.
pub(super) fn align_addresses(service: &mut Value, old: Option<&Value>) {
    let spec = &mut service["spec"];
    let first = spec["clusterIPs"][0].as_str().unwrap_or_default().to_owned();
    let single = spec["clusterIP"].as_str().unwrap_or_default().to_owned();
    let single_changed = old.is_some_and(|old| old["spec"]["clusterIP"] != single.as_str());
    if first.is_empty() && !single.is_empty() {
        spec["clusterIPs"] = json!([single]);
    } else if single.is_empty() && !first.is_empty() && old.is_none() {
        spec["clusterIP"] = first.into();
    } else if single_changed && old.is_some_and(|old| old["spec"]["clusterIPs"] == spec["clusterIPs"]) {
        // Only the old field was edited: the list follows.
        if single.is_empty() {
            remove(spec, "clusterIPs");
        } else {
            spec["clusterIPs"][0] = single.into();
        }
    }
}

/// An update that leaves allocated values out means to keep them.
pub(super) fn keep_allocated(service: &mut Value, old: &Value) {
    if needs_address(service) && needs_address(old) {
        let spec = &mut service["spec"];
        let empty = |value: &Value| value.as_str().is_none_or(str::is_empty);
        if empty(&spec["clusterIP"]) && empty(&spec["clusterIPs"][0]) {
            for field in ["clusterIP", "clusterIPs"] {
                spec[field] = old["spec"][field].clone();
            }
        }
        if spec["ipFamilies"].is_null()
            && spec["clusterIPs"] == old["spec"]["clusterIPs"]
            && !old["spec"]["ipFamilies"].is_null()
        {
            spec["ipFamilies"] = old["spec"]["ipFamilies"].clone();
        }
    }
    if needs_node_ports(service) && needs_node_ports(old) {
        keep_node_ports(service, old);
    }
    if needs_health_check_port(service)
        && needs_health_check_port(old)
        && service["spec"]["healthCheckNodePort"].as_u64().unwrap_or(0) == 0
    {
        service["spec"]["healthCheckNodePort"] = old["spec"]["healthCheckNodePort"].clone();
    }
}

fn keep_node_ports(service: &mut Value, old: &Value) {
    let before: Vec<Value> = old["spec"]["ports"].as_array().cloned().unwrap_or_default();
    let used: Vec<u64> = ports(service).filter_map(|port| port["nodePort"].as_u64()).collect();
    let Some(ports) = service.pointer_mut("/spec/ports").and_then(Value::as_array_mut) else { return };
    for port in ports.iter_mut().filter(|port| port["nodePort"].as_u64().unwrap_or(0) == 0) {
        let same = |old: &&Value| old["port"] == port["port"] && old["protocol"] == port["protocol"];
        let kept = before
            .iter()
            .find(same)
            .and_then(|old| old["nodePort"].as_u64())
            .filter(|kept| *kept > 0 && !used.contains(kept));
        if let Some(kept) = kept {
            port["nodePort"] = kept.into();
        }
    }
}

fn ports(service: &Value) -> impl Iterator<Item = &Value> {
    service["spec"]["ports"].as_array().into_iter().flatten()
}

/// What the new type has no place for goes, if the client only carried it along.
pub(super) fn drop_dependent(service: &mut Value, old: &Value) {
    if needs_address(old) && !needs_address(service) && service["spec"]["clusterIP"] == old["spec"]["clusterIP"] {
        for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
            remove(&mut service["spec"], field);
        }
    }
    if may_have_node_ports(old) && !may_have_node_ports(service) {
        let numbers =
            |service: &Value| ports(service).map(|port| port["nodePort"].as_u64().unwrap_or(0)).collect::<Vec<_>>();
        if numbers(service) == numbers(old) {
            let list = service.pointer_mut("/spec/ports").and_then(Value::as_array_mut);
            list.into_iter().flatten().for_each(|port| remove(port, "nodePort"));
        }
        if service["spec"]["externalTrafficPolicy"] == old["spec"]["externalTrafficPolicy"] {
            remove(&mut service["spec"], "externalTrafficPolicy");
        }
    }
    if needs_health_check_port(old)
        && !needs_health_check_port(service)
        && service["spec"]["healthCheckNodePort"] == old["spec"]["healthCheckNodePort"]
    {
        remove(&mut service["spec"], "healthCheckNodePort");
    }
    for field in ["allocateLoadBalancerNodePorts", "loadBalancerClass"] {
        if kind(old) == "LoadBalancer"
            && kind(service) != "LoadBalancer"
            && service["spec"][field] == old["spec"][field]
        {
            remove(&mut service["spec"], field);
        }
    }
}

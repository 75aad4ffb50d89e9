//! What one object uses of a namespace's quotas. Pure; upstream's evaluators.

use serde_json::Value;

use super::amounts::{self, Amounts};
use crate::kind::Kind;
use crate::quantity::{Format, Quantity};

fn one() -> Quantity {
    Quantity::new(1, Format::DecimalSI)
}

/// Every countable name with its amount.
pub fn of(kind: &Kind, object: &Value) -> Amounts {
    let mut usage = Amounts::new();
    let dotted = if kind.group.is_empty() { kind.plural.to_owned() } else { format!("{}.{}", kind.plural, kind.group) };
    usage.insert(format!("count/{dotted}"), one());
    match (kind.group, kind.plural) {
        ("", "pods") => usage.extend(pod(object)),
        ("", "services") => usage.extend(service(object)),
        ("", "persistentvolumeclaims") => usage.extend(claim(object)),
        ("", "configmaps" | "secrets" | "replicationcontrollers" | "resourcequotas") => {
            usage.insert(kind.plural.to_owned(), one());
        }
        _ => {}
    }
    usage
}

/// Resources that are counted under their plain name as well.
const NATIVE: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];

fn pod(pod: &Value) -> Amounts {
    let mut usage = Amounts::new();
    // A Pod that has ended uses nothing but its count of objects.
    if matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed")) {
        return usage;
    }
    usage.insert("pods".to_owned(), one());
    for (name, amount) in amounts::of_pod(pod, "requests") {
        if NATIVE.contains(&name.as_str()) || name.starts_with("hugepages-") {
            usage.insert(name.clone(), amount);
        }
        usage.insert(format!("requests.{name}"), amount);
    }
    for (name, amount) in amounts::of_pod(pod, "limits") {
        if NATIVE.contains(&name.as_str()) {
            usage.insert(format!("limits.{name}"), amount);
        }
    }
    usage
}

fn service(service: &Value) -> Amounts {
    let spec = &service["spec"];
    let ports = spec["ports"].as_array().map_or(0, Vec::len);
    let mut usage = Amounts::from([("services".to_owned(), one())]);
    let count = |ports: usize| Quantity::new(i64::try_from(ports).unwrap_or(i64::MAX), Format::DecimalSI);
    match spec["type"].as_str() {
        Some("NodePort") => {
            usage.insert("services.nodeports".to_owned(), count(ports));
        }
        Some("LoadBalancer") => {
            usage.insert("services.loadbalancers".to_owned(), one());
            // Without allocation only the ports that name one have one.
            let named =
                || spec["ports"].as_array().into_iter().flatten().filter(|port| port["nodePort"].as_i64() > Some(0));
            let with_one = if spec["allocateLoadBalancerNodePorts"] == false { named().count() } else { ports };
            usage.insert("services.nodeports".to_owned(), count(with_one));
        }
        _ => {}
    }
    usage
}

fn claim(claim: &Value) -> Amounts {
    let mut usage = Amounts::from([("persistentvolumeclaims".to_owned(), one())]);
    let spec = &claim["spec"];
    let storage = amounts::quantity(&spec["resources"]["requests"]["storage"]);
    if let Some(storage) = storage {
        usage.insert("requests.storage".to_owned(), storage);
    }
    if let Some(class) = spec["storageClassName"].as_str().filter(|class| !class.is_empty()) {
        let prefix = format!("{class}.storageclass.storage.k8s.io");
        usage.insert(format!("{prefix}/persistentvolumeclaims"), one());
        if let Some(storage) = storage {
            usage.insert(format!("{prefix}/requests.storage"), storage);
        }
    }
    usage
}

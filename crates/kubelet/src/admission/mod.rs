//! Whether this node takes a Pod that is bound to it: upstream's checks and words (lifecycle/predicate.go). Pure; who asks, and who is counted,
//! is [`gate`]'s affair. Not there: a critical Pod makes no room for itself here.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::placement::{collide, host_ports, selects, tolerates};
use k8s_openapi::api::core::v1::{Node, Pod};

use crate::containers::spec;
use crate::resources::total::{Resources, Side, pod_total, quantities};

pub mod gate;
#[cfg(test)]
mod tests;

const OS: &str = "linux";
const OS_LABEL: &str = "kubernetes.io/os";
/// The order in which upstream looks at resources; all others follow by name.
const FIRST: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];

/// Why a Pod is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    pub reason: String,
    pub message: String,
}

impl Rejection {
    fn new(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self { reason: reason.into(), message: message.into() }
    }

    fn predicate(name: &str, why: &str) -> Self {
        Self::new(name, format!("Predicate {name} failed: {why}"))
    }

    fn insufficient(resource: &str, [requested, used, capacity]: [i64; 3]) -> Self {
        let what = "Node didn't have enough resource";
        let message = format!("{what}: {resource}, requested: {requested}, used: {used}, capacity: {capacity}");
        Self::new(format!("OutOf{resource}"), message)
    }
}

/// The first reason not to take `pod` beside the Pods that are counted on the node.
pub fn rejection(pod: &Pod, others: &[Arc<Pod>], node: &Node) -> Option<Rejection> {
    operating_system(pod)
        .or_else(|| resources(pod, others, node))
        .or_else(|| affinity(pod, node))
        .or_else(|| ports(pod, others))
        .or_else(|| taints(pod, node))
}

fn operating_system(pod: &Pod) -> Option<Rejection> {
    let label = pod.metadata.labels.as_ref().and_then(|labels| labels.get(OS_LABEL));
    if label.is_some_and(|label| label != OS) {
        let message = "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label";
        return Some(Rejection::new("PodOSSelectorNodeLabelDoesNotMatch", message));
    }
    let is_other = spec(pod).os.as_ref().is_some_and(|os| os.name != OS);
    is_other.then(|| Rejection::new("PodOSNotSupported", "Failed to admit pod as the OS field doesn't match node OS"))
}

/// The first resource of which the node has too little.
pub(crate) fn resources(pod: &Pod, others: &[Arc<Pod>], node: &Node) -> Option<Rejection> {
    let allocatable = quantities(node.status.as_ref().and_then(|status| status.allocatable.as_ref()));
    let capacity = |name: &str| amount(&allocatable, name);
    let count = i64::try_from(others.len()).unwrap_or(i64::MAX);
    if count.saturating_add(1) > capacity("pods") {
        return Some(Rejection::insufficient("pods", [1, count, capacity("pods")]));
    }
    let requests = pod_total(pod, Side::Requests);
    let totals: Vec<Resources> = others.iter().map(|other| pod_total(other, Side::Requests)).collect();
    let rest = requests.keys().map(String::as_str).filter(|name| !FIRST.contains(name));
    // An extended resource that the node does not know is not its own to give.
    let known = |name: &&str| !is_extended(name) || allocatable.contains_key(*name);
    FIRST.into_iter().chain(rest).filter(known).find_map(|name| {
        let requested = amount(&requests, name);
        let used = totals.iter().map(|total| amount(total, name)).sum();
        let is_short = requested > 0 && requested > capacity(name).saturating_sub(used);
        is_short.then(|| Rejection::insufficient(name, [requested, used, capacity(name)]))
    })
}

/// As upstream counts: thousandths of a cpu, whole units of everything else.
pub(crate) fn amount(list: &Resources, name: &str) -> i64 {
    let unit = if name == "cpu" { api::quantity::Quantity::milli_value } else { api::quantity::Quantity::value };
    list.get(name).map_or(0, unit)
}

fn is_extended(name: &str) -> bool {
    name.contains('/') && !name.contains("kubernetes.io/") && !name.starts_with("requests.")
}

fn affinity(pod: &Pod, node: &Node) -> Option<Rejection> {
    static NONE: BTreeMap<String, String> = BTreeMap::new();
    let name = node.metadata.name.as_deref().unwrap_or_default();
    let is_selected = selects(spec(pod), name, node.metadata.labels.as_ref().unwrap_or(&NONE));
    (!is_selected).then(|| Rejection::predicate("NodeAffinity", "node(s) didn't match Pod's node affinity/selector"))
}

fn ports(pod: &Pod, others: &[Arc<Pod>]) -> Option<Rejection> {
    let wanted = host_ports(spec(pod));
    let mut used = others.iter().flat_map(|other| host_ports(spec(other)));
    let is_taken = !wanted.is_empty() && used.any(|used| wanted.iter().any(|wanted| collide(wanted, &used)));
    is_taken.then(|| Rejection::predicate("NodePorts", "node(s) didn't have free ports for the requested pod ports"))
}

/// Only what evicts matters here; what keeps Pods from being scheduled was the scheduler's to look at.
fn taints(pod: &Pod, node: &Node) -> Option<Rejection> {
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
    let tolerations = spec(pod).tolerations.as_deref().unwrap_or_default();
    let mut evicting = taints.iter().filter(|taint| taint.effect == "NoExecute");
    let is_untolerated = evicting.any(|taint| !tolerations.iter().any(|toleration| tolerates(toleration, taint)));
    is_untolerated.then(|| Rejection::predicate("TaintToleration", "node(s) had taints that the pod didn't tolerate"))
}

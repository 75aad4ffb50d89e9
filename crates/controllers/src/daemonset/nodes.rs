//! Which nodes a DaemonSet's Pod belongs on, and the Pod it gets there.

use client::{Change, Object};
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{
    Affinity, Node, NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, Pod, PodSpec, Toleration,
};

use crate::history::REVISION_HASH;
use crate::placement;
use crate::template;

/// What a daemon puts up with, so that it runs where ordinary Pods do not: key and effect.
const TOLERATED: [(&str, &str); 6] = [
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
];
const ON_HOST_NETWORK: (&str, &str) = ("node.kubernetes.io/network-unavailable", "NoSchedule");

/// Whether a change of a node can change where daemons run.
pub fn matters(change: &Change<Node>) -> bool {
    match (&change.old, &change.new) {
        (Some(old), Some(new)) => {
            let unschedulable = |node: &Node| node.spec.as_ref().and_then(|spec| spec.unschedulable);
            old.metadata.labels != new.metadata.labels
                || placement::taints(old) != placement::taints(new)
                || unschedulable(old) != unschedulable(new)
        }
        _ => true,
    }
}

/// Whether a Pod should be made on the node, and whether one that is there may stay.
pub fn fits(set: &DaemonSet, node: &Node) -> (bool, bool) {
    let template = set.spec.template.spec.clone().unwrap_or_default();
    let spec = bound(template, node.name());
    let is_named = set.spec.template.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
    if is_named.is_some_and(|name| !name.is_empty() && name != node.name()) {
        return (false, false);
    }
    // The affinity to the node replaces the template's own in the Pod, so the template's decides here.
    let wanted = set.spec.template.spec.as_ref();
    if !wanted.is_none_or(|wanted| placement::is_selected(wanted, node)) {
        return (false, false);
    }
    let tolerations = spec.tolerations.unwrap_or_default();
    let tolerates = |effects: &[&str]| placement::tolerates_all(&tolerations, placement::taints(node), effects);
    (tolerates(&["NoSchedule", "NoExecute"]), tolerates(&["NoExecute"]))
}

/// The Pod for a node.
pub fn pod(set: &DaemonSet, node: &str, hash: &str) -> Pod {
    let mut pod = template::pod(&set.spec.template, set);
    pod.metadata.labels.get_or_insert_default().insert(REVISION_HASH.to_owned(), hash.to_owned());
    pod.spec = pod.spec.map(|spec| bound(spec, node));
    pod
}

/// A Pod's spec with a daemon's tolerations, bound to one node for the scheduler.
fn bound(mut spec: PodSpec, node: &str) -> PodSpec {
    let host = (spec.host_network == Some(true)).then_some(ON_HOST_NETWORK);
    let tolerations = spec.tolerations.get_or_insert_default();
    for (key, effect) in TOLERATED.into_iter().chain(host) {
        let toleration = Toleration {
            key: Some(key.to_owned()),
            operator: Some("Exists".to_owned()),
            effect: Some(effect.to_owned()),
            ..Toleration::default()
        };
        let same = |own: &Toleration| own.key == toleration.key && own.effect == toleration.effect;
        tolerations.retain(|own| !same(own));
        tolerations.push(toleration);
    }
    let requirement = NodeSelectorRequirement {
        key: "metadata.name".to_owned(),
        operator: "In".to_owned(),
        values: Some(vec![node.to_owned()]),
    };
    let term = NodeSelectorTerm { match_fields: Some(vec![requirement]), match_expressions: None };
    let affinity: &mut Affinity = spec.affinity.get_or_insert_default();
    let affinity: &mut NodeAffinity = affinity.node_affinity.get_or_insert_default();
    affinity.required_during_scheduling_ignored_during_execution =
        Some(NodeSelector { node_selector_terms: vec![term] });
    spec
}

//! TaintToleration: NoSchedule and NoExecute taints refuse a Pod that does not tolerate them; PreferNoSchedule taints count against a node.

use api::placement;
use k8s_openapi::api::core::v1::{Pod, Taint, Toleration};

use crate::framework::{ClusterEvent, ClusterFacts, Normalize, Plugin, PodFacts};
use crate::node_info::NodeInfo;

pub static PLUGIN: Plugin = Plugin {
    filter: Some(filter),
    unresolvable: true,
    score: Some(score),
    normalize: Normalize::Reversed,
    weight: 3,
    wakes_on: &[ClusterEvent::NodeAdded, ClusterEvent::NodeTaintsChanged, ClusterEvent::PodChanged],
    ..Plugin::named("TaintToleration")
};

/// Whether some toleration of `pod` covers `taint`.
pub fn tolerates(pod: &Pod, taint: &Taint) -> bool {
    tolerations(pod).iter().any(|toleration| placement::tolerates(toleration, taint))
}

fn filter(facts: &PodFacts, node: &NodeInfo) -> Option<Vec<String>> {
    let taint = taints(node)
        .iter()
        .filter(|taint| taint.effect == "NoSchedule" || taint.effect == "NoExecute")
        .find(|taint| !tolerates(facts.pod, taint))?;
    Some(vec![format!(
        "node(s) had untolerated taint {{{}: {}}}",
        taint.key,
        taint.value.as_deref().unwrap_or_default()
    )])
}

fn score(facts: &PodFacts, node: &NodeInfo, _: &ClusterFacts) -> i64 {
    let untolerated =
        taints(node).iter().filter(|taint| taint.effect == "PreferNoSchedule" && !tolerates(facts.pod, taint));
    untolerated.count() as i64
}

fn taints(node: &NodeInfo) -> &[Taint] {
    node.node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default()
}

fn tolerations(pod: &Pod) -> &[Toleration] {
    pod.spec.as_ref().and_then(|spec| spec.tolerations.as_deref()).unwrap_or_default()
}

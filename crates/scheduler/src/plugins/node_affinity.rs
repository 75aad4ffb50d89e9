//! NodeAffinity: nodeSelector, required and preferred node affinity.

use std::collections::BTreeMap;

use api::placement::{matches_term, selects};
use k8s_openapi::api::core::v1::Pod;

use crate::framework::{ClusterEvent, ClusterFacts, Normalize, Plugin, PodFacts};
use crate::node_info::NodeInfo;

pub static PLUGIN: Plugin = Plugin {
    filter: Some(filter),
    unresolvable: true,
    score: Some(score),
    normalize: Normalize::Proportional,
    weight: 2,
    skip_score: |facts| preferred(facts.pod).is_none(),
    wakes_on: &[ClusterEvent::NodeAdded, ClusterEvent::NodeLabelsChanged],
    ..Plugin::named("NodeAffinity")
};

/// Whether nodeSelector and required node affinity of `pod` accept a node of this name and these labels.
pub fn matches_node(pod: &Pod, node_name: &str, labels: &BTreeMap<String, String>) -> bool {
    pod.spec.as_ref().is_none_or(|spec| selects(spec, node_name, labels))
}

fn filter(facts: &PodFacts, node: &NodeInfo) -> Option<Vec<String>> {
    (!matches_node(facts.pod, &node.name, node.labels()))
        .then(|| vec!["node(s) didn't match Pod's node affinity/selector".to_owned()])
}

fn score(facts: &PodFacts, node: &NodeInfo, _: &ClusterFacts) -> i64 {
    preferred(facts.pod)
        .into_iter()
        .flatten()
        .filter(|term| term.weight != 0 && matches_term(&term.preference, &node.name, node.labels()))
        .map(|term| i64::from(term.weight))
        .sum()
}

fn preferred(pod: &Pod) -> Option<&Vec<k8s_openapi::api::core::v1::PreferredSchedulingTerm>> {
    let affinity = pod.spec.as_ref()?.affinity.as_ref()?.node_affinity.as_ref()?;
    affinity.preferred_during_scheduling_ignored_during_execution.as_ref().filter(|terms| !terms.is_empty())
}

//! NodeAffinity: nodeSelector, required and preferred node affinity.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{NodeSelectorRequirement, NodeSelectorTerm, Pod};

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
    let Some(spec) = &pod.spec else { return true };
    if !spec.node_selector.iter().flatten().all(|(key, value)| labels.get(key) == Some(value)) {
        return false;
    }
    let required = spec
        .affinity
        .as_ref()
        .and_then(|affinity| affinity.node_affinity.as_ref())
        .and_then(|affinity| affinity.required_during_scheduling_ignored_during_execution.as_ref());
    required
        .is_none_or(|selector| selector.node_selector_terms.iter().any(|term| matches_term(term, node_name, labels)))
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

/// An empty term matches nothing, as upstream has it.
fn matches_term(term: &NodeSelectorTerm, node_name: &str, labels: &BTreeMap<String, String>) -> bool {
    let expressions = term.match_expressions.as_deref().unwrap_or_default();
    let fields = term.match_fields.as_deref().unwrap_or_default();
    if expressions.is_empty() && fields.is_empty() {
        return false;
    }
    expressions.iter().all(|requirement| holds(requirement, labels.get(&requirement.key).map(String::as_str)))
        && fields
            .iter()
            .all(|requirement| holds(requirement, (requirement.key == "metadata.name").then_some(node_name)))
}

fn holds(requirement: &NodeSelectorRequirement, value: Option<&str>) -> bool {
    let values = requirement.values.as_deref().unwrap_or_default();
    let among = || value.is_some_and(|value| values.iter().any(|wanted| wanted == value));
    let compare = |test: fn(i64, i64) -> bool| {
        let left = value.and_then(|value| value.parse().ok());
        let right = values.first().and_then(|wanted| wanted.parse().ok());
        left.zip(right).is_some_and(|(left, right)| test(left, right))
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

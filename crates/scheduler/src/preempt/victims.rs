//! The Pods of one node that have to end so that another fits: all of less priority first, then as many as can stay are let off, those that a
//! disruption budget protects before the others, the more important before the less.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::selector::LabelSelector;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;

use super::Cluster;
use crate::cycle::refuse;
use crate::framework::PodFacts;
use crate::node_info::NodeInfo;
use crate::nominated::priority;

/// The victims on one node, the most important first.
#[derive(Clone, Debug, PartialEq)]
pub struct Victims {
    pub node: String,
    pub pods: Vec<Arc<Pod>>,
    /// How many of them a budget protects.
    pub violating: usize,
}

/// The fewest victims on this node, or why there are none.
pub fn select(facts: &PodFacts, node: &Arc<NodeInfo>, cluster: &Cluster) -> Result<Victims, Vec<String>> {
    let is_lower = |other: &&Arc<Pod>| priority(other) < priority(facts.pod);
    let mut lower: Vec<Arc<Pod>> = node.pods.values().filter(is_lower).cloned().collect();
    if lower.is_empty() {
        return Err(vec!["No preemption victims found for incoming pod".to_owned()]);
    }
    let mut left = NodeInfo::clone(&cluster.nominated.view(node, facts.pod));
    lower.iter().for_each(|other| left.remove_pod(uid(other)));
    if let Some(refusal) = refuse(facts, &left, cluster.plugins) {
        return Err(refusal.reasons);
    }
    lower.sort_by_key(importance);
    let (protected, others) = by_budget(lower, cluster.budgets);
    let mut victims = Victims { node: node.name.clone(), pods: Vec::new(), violating: 0 };
    for (other, is_protected) in
        protected.into_iter().map(|it| (it, true)).chain(others.into_iter().map(|it| (it, false)))
    {
        left.add_pod(other.clone());
        if refuse(facts, &left, cluster.plugins).is_some() {
            left.remove_pod(uid(&other));
            victims.violating += usize::from(is_protected);
            victims.pods.push(other);
        }
    }
    victims.pods.sort_by_key(importance);
    Ok(victims)
}

fn uid(pod: &Pod) -> &str {
    pod.metadata.uid.as_deref().unwrap_or_default()
}

/// Sorts the more important first: by priority, then by age. One that has not started is the youngest.
fn importance(pod: &Arc<Pod>) -> (std::cmp::Reverse<i32>, bool, Option<Timestamp>, String) {
    let start = start(pod);
    (std::cmp::Reverse(priority(pod)), start.is_none(), start, uid(pod).to_owned())
}

pub fn start(pod: &Pod) -> Option<Timestamp> {
    pod.status.as_ref().and_then(|status| status.start_time.as_ref()).map(|time| time.0)
}

/// Those whose end a budget does not allow any more, and the others; each end uses up what its budgets allow.
fn by_budget(pods: Vec<Arc<Pod>>, budgets: &[Arc<PodDisruptionBudget>]) -> (Vec<Arc<Pod>>, Vec<Arc<Pod>>) {
    let mut allowed: Vec<(&PodDisruptionBudget, LabelSelector, i32)> =
        budgets.iter().map(|budget| (&**budget, selector(budget), allowed(budget))).collect();
    let mut violates = |pod: &Arc<Pod>| {
        let mut violated = false;
        for (budget, selector, left) in &mut allowed {
            if covers(budget, selector, pod) {
                *left -= 1;
                violated |= *left < 0;
            }
        }
        violated
    };
    pods.into_iter().partition(|pod| violates(pod))
}

fn allowed(budget: &PodDisruptionBudget) -> i32 {
    budget.status.as_ref().and_then(|status| status.disruptions_allowed).unwrap_or_default()
}

/// No selector, and an empty one, protect nobody here, as upstream has it.
fn selector(budget: &PodDisruptionBudget) -> LabelSelector {
    let selector = budget.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    let json = selector.and_then(|selector| serde_json::to_value(selector).ok());
    let parsed = json.and_then(|json| LabelSelector::from_json(&json).ok());
    parsed.filter(|selector| !selector.requirements().is_empty()).unwrap_or_else(LabelSelector::nothing)
}

fn covers(budget: &PodDisruptionBudget, selector: &LabelSelector, pod: &Pod) -> bool {
    static NONE: BTreeMap<String, String> = BTreeMap::new();
    let labels = pod.metadata.labels.as_ref().unwrap_or(&NONE);
    // Its end is counted already.
    let disrupted = budget.status.as_ref().and_then(|status| status.disrupted_pods.as_ref());
    let is_counted =
        disrupted.is_some_and(|pods| pod.metadata.name.as_ref().is_some_and(|name| pods.contains_key(name)));
    budget.metadata.namespace == pod.metadata.namespace
        && !is_counted
        && selector.matches_with(|key| labels.get(key).map(String::as_str))
}

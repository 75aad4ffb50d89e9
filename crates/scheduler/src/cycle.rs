//! One scheduling cycle: filter, score, choose. Pure: the same Pod, nodes and tie-breaker give the same placement.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;

use crate::framework::{ClusterFacts, MAX_NODE_SCORE, Normalize, Plugin, PodFacts, Refusal};
use crate::node_info::NodeInfo;
use crate::nominated::Nominated;

/// Where a Pod goes, or why it goes nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placement {
    Node(String),
    Unschedulable(Diagnosis),
}

/// Why every node was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnosis {
    pub node_count: usize,
    /// The first refusal of each node, by node name.
    pub refusals: BTreeMap<String, Refusal>,
}

impl Diagnosis {
    /// Upstream's FitError text: how many nodes failed for which reason.
    pub fn message(&self) -> String {
        if self.node_count == 0 {
            return "no nodes available to schedule pods".to_owned();
        }
        available(self.node_count, self.refusals.values().flat_map(|refusal| &refusal.reasons).map(String::as_str))
    }

    /// With what came of an attempt to end others for it.
    pub fn message_with(&self, preemption: &str) -> String {
        match self.node_count {
            0 => self.message(),
            _ => format!("{} preemption: {preemption}", self.message()),
        }
    }

    /// The plugins that refused some node.
    pub fn plugins(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.refusals.values().map(|refusal| refusal.plugin).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// `0/3 nodes are available: 2 Insufficient cpu, 1 Too many pods.`
pub(crate) fn available<'a>(node_count: usize, reasons: impl Iterator<Item = &'a str>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    reasons.for_each(|reason| *counts.entry(reason).or_default() += 1);
    let mut lines: Vec<String> = counts.into_iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    lines.sort();
    format!("0/{node_count} nodes are available: {}.", lines.join(", "))
}

/// Places `pod`, on the node it is nominated for if it fits there. Among equally good nodes `tie_breaker` decides.
pub fn schedule(
    pod: &Pod,
    nodes: &[Arc<NodeInfo>],
    plugins: &[&Plugin],
    nominated: &Nominated,
    tie_breaker: u64,
) -> Placement {
    let facts = PodFacts::new(pod);
    let refuse = |node: &Arc<NodeInfo>| refuse(&facts, &nominated.view(node, pod), plugins);
    let own = nominated.node_of(pod).and_then(|name| nodes.iter().find(|node| node.name == name));
    if let Some(node) = own.filter(|node| refuse(node).is_none()) {
        return Placement::Node(node.name.clone());
    }
    let mut diagnosis = Diagnosis { node_count: nodes.len(), ..Diagnosis::default() };
    let mut feasible = Vec::new();
    for node in nodes {
        match refuse(node) {
            None => feasible.push(node),
            Some(refusal) => drop(diagnosis.refusals.insert(node.name.clone(), refusal)),
        }
    }
    match feasible.as_slice() {
        [] => Placement::Unschedulable(diagnosis),
        [only] => Placement::Node(only.name.clone()),
        several => Placement::Node(choose(&facts, several, nodes, plugins, tie_breaker)),
    }
}

/// The first plugin that refuses the node, in their order.
pub(crate) fn refuse(facts: &PodFacts, node: &NodeInfo, plugins: &[&Plugin]) -> Option<Refusal> {
    plugins.iter().find_map(|plugin| {
        let reasons = plugin.filter?(facts, node)?;
        Some(Refusal { plugin: plugin.name, reasons, unresolvable: plugin.unresolvable })
    })
}

fn choose(
    facts: &PodFacts,
    feasible: &[&Arc<NodeInfo>],
    nodes: &[Arc<NodeInfo>],
    plugins: &[&Plugin],
    tie_breaker: u64,
) -> String {
    let cluster = ClusterFacts { nodes };
    let mut totals = vec![0i64; feasible.len()];
    for plugin in plugins {
        let Some(score) = plugin.score else { continue };
        if (plugin.skip_score)(facts) {
            continue;
        }
        let mut scores: Vec<i64> = feasible.iter().map(|node| score(facts, node, &cluster)).collect();
        normalize(&mut scores, plugin.normalize);
        totals.iter_mut().zip(scores).for_each(|(total, score)| *total += score * plugin.weight);
    }
    let best = totals.iter().copied().max().unwrap_or_default();
    let winners: Vec<&str> =
        feasible.iter().zip(&totals).filter(|(_, total)| **total == best).map(|(node, _)| node.name.as_str()).collect();
    winners[(tie_breaker % winners.len() as u64) as usize].to_owned()
}

fn normalize(scores: &mut [i64], how: Normalize) {
    if how == Normalize::None {
        return;
    }
    let largest = scores.iter().copied().max().unwrap_or_default();
    for score in scores {
        let share = if largest == 0 { 0 } else { *score * MAX_NODE_SCORE / largest };
        *score = match how {
            Normalize::Reversed => MAX_NODE_SCORE - share,
            Normalize::Proportional | Normalize::None => share,
        };
    }
}

//! NodeResourcesFit and NodeResourcesBalancedAllocation: requests against what is allocatable.

use crate::framework::{ClusterEvent, ClusterFacts, MAX_NODE_SCORE, Plugin, PodFacts};
use crate::node_info::NodeInfo;
use crate::resources::Amounts;

const FIT: Plugin = Plugin {
    filter: Some(filter),
    wakes_on: &[
        ClusterEvent::NodeAdded,
        ClusterEvent::NodeAllocatableChanged,
        ClusterEvent::PodDeleted,
        ClusterEvent::PodChanged,
    ],
    ..Plugin::named("NodeResourcesFit")
};

pub static FIT_LEAST_ALLOCATED: Plugin = Plugin { score: Some(least_allocated), ..FIT };

pub static FIT_MOST_ALLOCATED: Plugin = Plugin { score: Some(most_allocated), ..FIT };

pub static BALANCED_ALLOCATION: Plugin = Plugin {
    score: Some(balanced),
    skip_score: |facts| !facts.requests.contains_key("cpu") && !facts.requests.contains_key("memory"),
    ..Plugin::named("NodeResourcesBalancedAllocation")
};

const SCORED: [&str; 2] = ["cpu", "memory"];

fn filter(facts: &PodFacts, node: &NodeInfo) -> Option<Vec<String>> {
    let mut reasons = Vec::new();
    if node.pods.len() as i64 + 1 > of(&node.allocatable, "pods") {
        reasons.push("Too many pods".to_owned());
    }
    for (name, wanted) in &facts.requests {
        if *wanted > 0 && *wanted > of(&node.allocatable, name) - of(&node.requested, name) {
            reasons.push(format!("Insufficient {name}"));
        }
    }
    (!reasons.is_empty()).then_some(reasons)
}

fn least_allocated(facts: &PodFacts, node: &NodeInfo, _: &ClusterFacts) -> i64 {
    mean_share(
        facts,
        node,
        |used, capacity| if used > capacity { 0 } else { (capacity - used) * MAX_NODE_SCORE / capacity },
    )
}

fn most_allocated(facts: &PodFacts, node: &NodeInfo, _: &ClusterFacts) -> i64 {
    mean_share(facts, node, |used, capacity| used.min(capacity) * MAX_NODE_SCORE / capacity)
}

fn mean_share(facts: &PodFacts, node: &NodeInfo, share: fn(i64, i64) -> i64) -> i64 {
    let mut scores = Vec::new();
    for name in SCORED {
        let capacity = of(&node.allocatable, name);
        if capacity > 0 {
            scores.push(share(of(&node.requested_nonzero, name) + of(&facts.requests_nonzero, name), capacity));
        }
    }
    if scores.is_empty() { 0 } else { scores.iter().sum::<i64>() / scores.len() as i64 }
}

/// `(1 - standard deviation of the resources' fractions) * 100`, over plain requests.
fn balanced(facts: &PodFacts, node: &NodeInfo, _: &ClusterFacts) -> i64 {
    let fractions: Vec<f64> = SCORED
        .iter()
        .filter(|name| of(&node.allocatable, name) > 0)
        .map(|name| {
            let used = of(&node.requested, name) + of(&facts.requests, name);
            (used as f64 / of(&node.allocatable, name) as f64).min(1.0)
        })
        .collect();
    let deviation = match fractions.as_slice() {
        [cpu, memory] => ((cpu - memory) / 2.0).abs(),
        _ => 0.0,
    };
    ((1.0 - deviation) * MAX_NODE_SCORE as f64) as i64
}

fn of(amounts: &Amounts, name: &str) -> i64 {
    amounts.get(name).copied().unwrap_or_default()
}

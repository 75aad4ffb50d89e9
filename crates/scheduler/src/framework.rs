//! The scheduling framework: what a plugin is and what it may say. Plugins are pure functions over a Pod and a node.

use k8s_openapi::api::core::v1::Pod;

use crate::node_info::NodeInfo;
use crate::resources::{Amounts, pod_requests, pod_requests_nonzero};

/// The best score a plugin gives.
pub const MAX_NODE_SCORE: i64 = 100;

/// The Pod being scheduled, with what several plugins need computed once.
pub struct PodFacts<'a> {
    pub pod: &'a Pod,
    pub requests: Amounts,
    pub requests_nonzero: Amounts,
}

impl<'a> PodFacts<'a> {
    /// Computes the facts of `pod`.
    pub fn new(pod: &'a Pod) -> Self {
        Self { pod, requests: pod_requests(pod), requests_nonzero: pod_requests_nonzero(pod) }
    }
}

/// Why a node was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub plugin: &'static str,
    /// Upstream's reasons, one per cause.
    pub reasons: Vec<String>,
    /// Removing other Pods could not help (upstream's UnschedulableAndUnresolvable).
    pub unresolvable: bool,
}

/// Something that happened in the cluster and may make a waiting Pod schedulable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClusterEvent {
    NodeAdded,
    NodeAllocatableChanged,
    NodeLabelsChanged,
    NodeTaintsChanged,
    NodeConditionsChanged,
    PodAdded,
    PodDeleted,
    PodChanged,
}

/// Filters: `Some(reasons)` refuses the node.
pub type Filter = fn(&PodFacts, &NodeInfo) -> Option<Vec<String>>;

/// Scores a node; raw values are brought to 0..=100 by `Normalize`.
pub type Score = fn(&PodFacts, &NodeInfo, &ClusterFacts) -> i64;

/// What scores may know of the cluster as a whole.
pub struct ClusterFacts<'a> {
    pub nodes: &'a [std::sync::Arc<NodeInfo>],
}

/// How raw scores become 0..=100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normalize {
    /// They are already.
    None,
    /// In proportion to the largest.
    Proportional,
    /// In proportion to the largest, the largest being the worst.
    Reversed,
}

/// One plugin: a row of `plugins::ALL`.
pub struct Plugin {
    /// Upstream's name.
    pub name: &'static str,
    pub filter: Option<Filter>,
    /// A refusal by this plugin cannot be cured by removing Pods.
    pub unresolvable: bool,
    pub score: Option<Score>,
    pub normalize: Normalize,
    /// Upstream's default weight.
    pub weight: i64,
    /// The plugin has nothing to score for this Pod.
    pub skip_score: fn(&PodFacts) -> bool,
    /// What may turn this plugin's refusal around (queueing hints).
    pub wakes_on: &'static [ClusterEvent],
}

impl Plugin {
    /// A row that neither filters nor scores: the base of all rows.
    pub const fn named(name: &'static str) -> Self {
        fn never(_: &PodFacts) -> bool {
            false
        }
        Self {
            name,
            filter: None,
            unresolvable: false,
            score: None,
            normalize: Normalize::None,
            weight: 1,
            skip_score: never,
            wakes_on: &[],
        }
    }
}

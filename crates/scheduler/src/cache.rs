//! What the scheduler believes about nodes and Pods: observed state plus its own assumptions that are not yet observed.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod};

use crate::framework::ClusterEvent;
use crate::node_info::NodeInfo;

/// Nodes by name, Pods counted on them. Snapshots share what did not change.
#[derive(Debug, Default)]
pub struct Cache {
    nodes: BTreeMap<String, Arc<NodeInfo>>,
    /// Which node each counted Pod is on, by UID; `assumed` ones are not observed there yet.
    placed: BTreeMap<String, Placed>,
}

#[derive(Debug)]
struct Placed {
    node: String,
    pod: Arc<Pod>,
    assumed: bool,
}

impl Cache {
    /// An immutable view for one cycle; O(nodes) pointers, no copies of their content. Nodes that are only known from Pods are left out.
    pub fn snapshot(&self) -> Vec<Arc<NodeInfo>> {
        self.nodes.values().filter(|info| info.node.metadata.name.is_some()).cloned().collect()
    }

    /// Takes over a node; says what changed for waiting Pods.
    pub fn set_node(&mut self, node: Arc<Node>) -> Vec<ClusterEvent> {
        let name = node.metadata.name.clone().unwrap_or_default();
        let known =
            self.nodes.get(&name).filter(|info| info.node.metadata.name.is_some()).map(|info| info.node.clone());
        let info = self.nodes.entry(name.clone()).or_insert_with(|| Arc::new(NodeInfo { name, ..NodeInfo::default() }));
        Arc::make_mut(info).set_node(node.clone());
        known.map_or_else(|| vec![ClusterEvent::NodeAdded], |old| changes(&old, &node))
    }

    /// Forgets a node; Pods observed on it stay counted in case it comes back.
    pub fn remove_node(&mut self, name: &str) {
        let Some(info) = self.nodes.get_mut(name) else { return };
        if info.pods.is_empty() {
            self.nodes.remove(name);
        } else {
            Arc::make_mut(info).set_node(Arc::new(Node::default()));
        }
    }

    /// Counts an observed Pod on its node, in place of an assumption.
    pub fn set_pod(&mut self, pod: Arc<Pod>) {
        let Some(node) = node_of(&pod) else { return };
        self.place(pod, node, false);
    }

    /// Counts a Pod on a node before the API knows.
    pub fn assume(&mut self, pod: Arc<Pod>, node: String) {
        self.place(pod, node, true);
    }

    /// Takes an assumption back; an observed Pod stays.
    pub fn forget(&mut self, uid: &str) {
        if self.placed.get(uid).is_some_and(|placed| placed.assumed) {
            self.remove_pod(uid);
        }
    }

    /// Whether the Pod is counted on some node.
    pub fn has_pod(&self, uid: &str) -> bool {
        self.placed.contains_key(uid)
    }

    /// Stops counting a Pod that is gone or finished. `true` when it was counted.
    pub fn remove_pod(&mut self, uid: &str) -> bool {
        let Some(placed) = self.placed.remove(uid) else { return false };
        if let Some(info) = self.nodes.get_mut(&placed.node) {
            Arc::make_mut(info).remove_pod(uid);
        }
        true
    }

    fn place(&mut self, pod: Arc<Pod>, node: String, assumed: bool) {
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        if self.placed.get(&uid).is_some_and(|placed| Arc::ptr_eq(&placed.pod, &pod) && placed.assumed == assumed) {
            return;
        }
        self.remove_pod(&uid);
        let info = self
            .nodes
            .entry(node.clone())
            .or_insert_with(|| Arc::new(NodeInfo { name: node.clone(), ..NodeInfo::default() }));
        Arc::make_mut(info).add_pod(pod.clone());
        self.placed.insert(uid, Placed { node, pod, assumed });
    }
}

fn node_of(pod: &Pod) -> Option<String> {
    pod.spec.as_ref()?.node_name.clone().filter(|name| !name.is_empty())
}

fn changes(old: &Node, new: &Node) -> Vec<ClusterEvent> {
    let taints =
        |node: &Node| node.spec.as_ref().map(|spec| (spec.taints.clone(), spec.unschedulable.unwrap_or_default()));
    let allocatable = |node: &Node| node.status.as_ref().and_then(|status| status.allocatable.clone());
    let conditions = |node: &Node| -> Vec<(String, String)> {
        let all = node.status.as_ref().and_then(|status| status.conditions.as_ref());
        all.into_iter().flatten().map(|c| (c.type_.clone(), c.status.clone())).collect()
    };
    [
        (allocatable(old) != allocatable(new), ClusterEvent::NodeAllocatableChanged),
        (old.metadata.labels != new.metadata.labels, ClusterEvent::NodeLabelsChanged),
        (taints(old) != taints(new), ClusterEvent::NodeTaintsChanged),
        (conditions(old) != conditions(new), ClusterEvent::NodeConditionsChanged),
    ]
    .into_iter()
    .filter_map(|(changed, event)| changed.then_some(event))
    .collect()
}

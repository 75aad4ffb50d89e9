//! Pods for which others were ended on a node: until they are there, the room is kept for them. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;

use crate::node_info::NodeInfo;

/// The nominated Pods and their nodes, by UID.
#[derive(Clone, Debug, Default)]
pub struct Nominated(BTreeMap<String, (String, Arc<Pod>)>);

impl Nominated {
    pub fn set(&mut self, pod: Arc<Pod>, node: &str) {
        self.0.insert(pod.metadata.uid.clone().unwrap_or_default(), (node.to_owned(), pod));
    }

    pub fn remove(&mut self, uid: &str) {
        self.0.remove(uid);
    }

    /// The node that a Pod is nominated for.
    pub fn node_of(&self, pod: &Pod) -> Option<&str> {
        self.0.get(pod.metadata.uid.as_deref()?).map(|(node, _)| node.as_str())
    }

    /// The node as a Pod finds it: those with its priority or a higher one that are nominated for it are there already.
    pub fn view(&self, node: &Arc<NodeInfo>, pod: &Pod) -> Arc<NodeInfo> {
        let counts = |other: &Arc<Pod>| other.metadata.uid != pod.metadata.uid && priority(other) >= priority(pod);
        let mut view = node.clone();
        for (_, other) in self.0.values().filter(|(name, other)| *name == node.name && counts(other)) {
            Arc::make_mut(&mut view).add_pod(other.clone());
        }
        view
    }

    /// Those that are nominated for a node with less priority than `pod`: the room they waited for is gone.
    pub fn below(&self, node: &str, pod: &Pod) -> Vec<Arc<Pod>> {
        let lower = self.0.values().filter(|(name, other)| name == node && priority(other) < priority(pod));
        lower.map(|(_, other)| other.clone()).collect()
    }
}

/// spec.priority; 0 where there is none.
pub fn priority(pod: &Pod) -> i32 {
    pod.spec.as_ref().and_then(|spec| spec.priority).unwrap_or_default()
}

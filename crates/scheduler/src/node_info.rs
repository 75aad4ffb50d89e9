//! A node with what runs on it, summed up: what filters and scores look at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::placement::{self, HostPort};
use k8s_openapi::api::core::v1::{Node, Pod};

use crate::resources::{Amounts, add, amounts, pod_requests, pod_requests_nonzero, subtract};

/// One node and the Pods counted on it (bound and assumed).
#[derive(Clone, Debug, Default)]
pub struct NodeInfo {
    pub node: Arc<Node>,
    pub name: String,
    pub allocatable: Amounts,
    pub requested: Amounts,
    pub requested_nonzero: Amounts,
    pub ports: BTreeSet<HostPort>,
    /// By UID.
    pub pods: BTreeMap<String, Arc<Pod>>,
    /// Size in bytes of every image present, by name.
    pub images: BTreeMap<String, i64>,
}

impl NodeInfo {
    /// A node without Pods.
    pub fn new(node: Arc<Node>) -> Self {
        let mut info = Self { name: node.metadata.name.clone().unwrap_or_default(), ..Self::default() };
        info.set_node(node);
        info
    }

    /// Takes over a newer state of the node.
    pub fn set_node(&mut self, node: Arc<Node>) {
        let status = node.status.as_ref();
        self.allocatable = amounts(status.and_then(|s| s.allocatable.as_ref()));
        self.images = status
            .and_then(|s| s.images.as_ref())
            .into_iter()
            .flatten()
            .flat_map(|image| {
                let size = image.size_bytes.unwrap_or_default();
                image.names.iter().flatten().map(move |name| (name.clone(), size))
            })
            .collect();
        self.node = node;
    }

    /// Counts a Pod on this node.
    pub fn add_pod(&mut self, pod: Arc<Pod>) {
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        self.remove_pod(&uid);
        add(&mut self.requested, &pod_requests(&pod));
        add(&mut self.requested_nonzero, &pod_requests_nonzero(&pod));
        self.ports.extend(host_ports(&pod));
        self.pods.insert(uid, pod);
    }

    /// Stops counting a Pod.
    pub fn remove_pod(&mut self, uid: &str) {
        let Some(pod) = self.pods.remove(uid) else { return };
        subtract(&mut self.requested, &pod_requests(&pod));
        subtract(&mut self.requested_nonzero, &pod_requests_nonzero(&pod));
        self.ports = self.pods.values().flat_map(|pod| host_ports(pod)).collect();
    }

    /// The node's labels.
    pub fn labels(&self) -> &BTreeMap<String, String> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        self.node.metadata.labels.as_ref().unwrap_or(&NONE)
    }
}

/// The host ports a Pod takes.
pub fn host_ports(pod: &Pod) -> Vec<HostPort> {
    pod.spec.as_ref().map(placement::host_ports).unwrap_or_default()
}

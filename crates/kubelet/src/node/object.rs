//! The Node object as this kubelet registers it. Pure.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Node, NodeAddress, NodeSpec, NodeStatus};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;

use super::capacity::Capacity;
use super::info::architecture;
use crate::config::Registration;
use crate::env::resource::Allocatable;

/// The labels that are the kubelet's own to keep true.
pub fn own_labels(node: &Registration) -> BTreeMap<String, String> {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut labels = BTreeMap::from([
        pair("kubernetes.io/hostname", &node.name),
        pair("kubernetes.io/os", "linux"),
        pair("kubernetes.io/arch", architecture()),
        pair("beta.kubernetes.io/os", "linux"),
        pair("beta.kubernetes.io/arch", architecture()),
    ]);
    labels.extend(node.labels.clone());
    labels
}

/// Only a server may call its node so: NodeRestriction lets kubelets set no node-role label of their own.
pub const CONTROL_PLANE_LABEL: &str = "node-role.kubernetes.io/control-plane";

/// The object for the first registration.
pub fn new_node(registration: &Registration, status: NodeStatus) -> Node {
    let mut labels = own_labels(registration);
    if registration.is_control_plane {
        labels.insert(CONTROL_PLANE_LABEL.to_owned(), "true".to_owned());
    }
    let mut node = Node::default();
    node.metadata.name = Some(registration.name.clone());
    node.metadata.labels = Some(labels);
    node.metadata.annotations = Some(BTreeMap::from([(
        "volumes.kubernetes.io/controller-managed-attach-detach".to_owned(),
        "true".to_owned(),
    )]));
    let taints = (!registration.taints.is_empty()).then(|| registration.taints.clone());
    node.spec = Some(NodeSpec { taints, ..NodeSpec::default() });
    node.status = Some(status);
    node
}

pub fn addresses(node: &Registration) -> Vec<NodeAddress> {
    let address = |kind: &str, text: String| NodeAddress { type_: kind.to_owned(), address: text };
    let mut addresses: Vec<_> = node.ips.iter().map(|ip| address("InternalIP", ip.to_string())).collect();
    addresses.push(address("Hostname", node.name.clone()));
    addresses
}

/// Quantities as the API writes them.
pub fn as_text(list: &Allocatable) -> BTreeMap<String, Text> {
    list.iter().map(|(name, quantity)| (name.clone(), Text(quantity.to_string()))).collect()
}

pub fn with_capacity(mut status: NodeStatus, capacity: &Capacity) -> NodeStatus {
    status.capacity = Some(as_text(&capacity.capacity));
    status.allocatable = Some(as_text(&capacity.allocatable));
    status
}

//! Reading and setting a node's conditions.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, NodeCondition, NodeStatus};

use crate::numbers::time;

/// What the kubelet answers for; it is Unknown when the kubelet is silent.
const OF_KUBELET: [&str; 4] = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];

pub fn condition<'a>(node: &'a Node, condition_type: &str) -> Option<&'a NodeCondition> {
    node.status.as_ref()?.conditions.as_ref()?.iter().find(|condition| condition.type_ == condition_type)
}

/// `True`, `False` or `Unknown`; None for a condition that was never posted.
pub fn status<'a>(node: &'a Node, condition_type: &str) -> Option<&'a str> {
    condition(node, condition_type).map(|condition| condition.status.as_str())
}

/// When the kubelet last posted its status, by its own clock.
pub fn heartbeat(node: &Node) -> Option<Timestamp> {
    condition(node, "Ready")?.last_heartbeat_time.as_ref().map(|time| time.0)
}

/// The status of a node that has fallen silent; None if it says so already.
pub fn silent(node: &Node, now: Timestamp) -> Option<NodeStatus> {
    let mut status = node.status.clone().unwrap_or_default();
    let conditions = status.conditions.get_or_insert_default();
    let mut is_changed = false;
    for condition_type in OF_KUBELET {
        match conditions.iter_mut().find(|condition| condition.type_ == condition_type) {
            Some(condition) if condition.status == "Unknown" => {}
            Some(condition) => {
                condition.status = "Unknown".to_owned();
                condition.reason = Some("NodeStatusUnknown".to_owned());
                condition.message = Some("Kubelet stopped posting node status.".to_owned());
                condition.last_transition_time = Some(time(now));
                is_changed = true;
            }
            None => {
                conditions.push(NodeCondition {
                    type_: condition_type.to_owned(),
                    status: "Unknown".to_owned(),
                    reason: Some("NodeStatusNeverUpdated".to_owned()),
                    message: Some("Kubelet never posted node status.".to_owned()),
                    last_heartbeat_time: node.metadata.creation_timestamp.clone(),
                    last_transition_time: Some(time(now)),
                });
                is_changed = true;
            }
        }
    }
    is_changed.then_some(status)
}

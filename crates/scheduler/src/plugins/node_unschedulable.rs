//! NodeUnschedulable: cordoned nodes take only Pods that tolerate it.

use k8s_openapi::api::core::v1::Taint;

use super::tolerates;
use crate::framework::{ClusterEvent, Plugin, PodFacts};
use crate::node_info::NodeInfo;

pub static PLUGIN: Plugin = Plugin {
    filter: Some(filter),
    unresolvable: true,
    wakes_on: &[ClusterEvent::NodeAdded, ClusterEvent::NodeTaintsChanged],
    ..Plugin::named("NodeUnschedulable")
};

fn filter(facts: &PodFacts, node: &NodeInfo) -> Option<Vec<String>> {
    let cordoned = node.node.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or_default();
    let taint = Taint {
        key: "node.kubernetes.io/unschedulable".to_owned(),
        effect: "NoSchedule".to_owned(),
        ..Taint::default()
    };
    (cordoned && !tolerates(facts.pod, &taint)).then(|| vec!["node(s) were unschedulable".to_owned()])
}

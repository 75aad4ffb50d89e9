//! NodePorts: a host port is taken once per address and protocol.

use crate::framework::{ClusterEvent, Plugin, PodFacts};
use crate::node_info::{HostPort, NodeInfo, host_ports};

pub static PLUGIN: Plugin = Plugin {
    filter: Some(filter),
    wakes_on: &[ClusterEvent::NodeAdded, ClusterEvent::PodDeleted],
    ..Plugin::named("NodePorts")
};

fn filter(facts: &PodFacts, node: &NodeInfo) -> Option<Vec<String>> {
    let taken = host_ports(facts.pod).iter().any(|wanted| node.ports.iter().any(|used| collide(wanted, used)));
    taken.then(|| vec!["node(s) didn't have free ports for the requested pod ports".to_owned()])
}

fn collide(left: &HostPort, right: &HostPort) -> bool {
    let everywhere = |ip: &str| ip == "0.0.0.0" || ip == "::";
    left.1 == right.1 && left.2 == right.2 && (left.0 == right.0 || everywhere(&left.0) || everywhere(&right.0))
}

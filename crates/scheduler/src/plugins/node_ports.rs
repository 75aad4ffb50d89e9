//! NodePorts: a host port is taken once per address and protocol.

use api::placement::collide;

use crate::framework::{ClusterEvent, Plugin, PodFacts};
use crate::node_info::{NodeInfo, host_ports};

pub static PLUGIN: Plugin = Plugin {
    filter: Some(filter),
    wakes_on: &[ClusterEvent::NodeAdded, ClusterEvent::PodDeleted],
    ..Plugin::named("NodePorts")
};

fn filter(facts: &PodFacts, node: &NodeInfo) -> Option<Vec<String>> {
    let taken = host_ports(facts.pod).iter().any(|wanted| node.ports.iter().any(|used| collide(wanted, used)));
    taken.then(|| vec!["node(s) didn't have free ports for the requested pod ports".to_owned()])
}

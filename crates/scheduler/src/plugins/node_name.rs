//! NodeName: a Pod that names its node goes there or nowhere.

use crate::framework::{ClusterEvent, Plugin, PodFacts};
use crate::node_info::NodeInfo;

pub static PLUGIN: Plugin = Plugin {
    filter: Some(filter),
    unresolvable: true,
    wakes_on: &[ClusterEvent::NodeAdded],
    ..Plugin::named("NodeName")
};

fn filter(facts: &PodFacts, node: &NodeInfo) -> Option<Vec<String>> {
    let wanted = facts.pod.spec.as_ref()?.node_name.as_deref().filter(|name| !name.is_empty())?;
    (wanted != node.name).then(|| vec!["node(s) didn't match the requested node name".to_owned()])
}

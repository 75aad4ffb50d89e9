//! The default plugins, in upstream's order, under upstream's names and weights.

mod image_locality;
mod node_affinity;
mod node_name;
mod node_ports;
mod node_resources;
mod node_unschedulable;
mod taint_toleration;

pub use node_affinity::matches_node;
pub use taint_toleration::tolerates;

use crate::framework::Plugin;

/// The default profile.
pub static ALL: &[&Plugin] = &[
    &node_unschedulable::PLUGIN,
    &node_name::PLUGIN,
    &taint_toleration::PLUGIN,
    &node_affinity::PLUGIN,
    &node_ports::PLUGIN,
    &node_resources::FIT_LEAST_ALLOCATED,
    &node_resources::BALANCED_ALLOCATION,
    &image_locality::PLUGIN,
];

/// The default profile with NodeResourcesFit packing nodes instead of spreading over them (scoringStrategy MostAllocated).
pub static MOST_ALLOCATED: &[&Plugin] = &[
    &node_unschedulable::PLUGIN,
    &node_name::PLUGIN,
    &taint_toleration::PLUGIN,
    &node_affinity::PLUGIN,
    &node_ports::PLUGIN,
    &node_resources::FIT_MOST_ALLOCATED,
    &node_resources::BALANCED_ALLOCATION,
    &image_locality::PLUGIN,
];

/// The row of a plugin by name.
pub fn find(name: &str) -> Option<&'static Plugin> {
    ALL.iter().copied().find(|plugin| plugin.name == name)
}

//! The scheduler: a framework of pure plugins, a queue that events wake, a cache with assumptions, and binding (the only IO).

mod bind;
mod cache;
mod cycle;
mod framework;
mod node_info;
mod nominated;
mod plugins;
mod preempt;
mod queue;
mod resources;
mod run;

#[cfg(test)]
mod tests;

pub use cache::Cache;
pub use cycle::{Diagnosis, Placement, schedule};
pub use framework::{ClusterEvent, Plugin, Refusal};
pub use node_info::NodeInfo;
pub use nominated::Nominated;
pub use plugins::{ALL, MOST_ALLOCATED, find, matches_node, tolerates};
pub use preempt::{Cluster, Preemption, preempt};
pub use queue::{Queue, QueuedPod};
pub use resources::{Amounts, amount, pod_requests};
pub use run::{Config, run};

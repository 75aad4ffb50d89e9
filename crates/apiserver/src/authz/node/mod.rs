//! The Node authorizer: a kubelet may read what the Pods bound to its node use, and nothing else of that sort; everything else follows the
//! rules of ClusterRole system:node.

mod authorizer;
mod graph;
mod references;

pub use authorizer::NodeAuthorizer;
pub(crate) use authorizer::node_name;

/// Resources of the API that a Pod names, as upstream lists them; empty for Pods that a node may make by itself.
pub(crate) fn pod_references(pod: &serde_json::Value) -> Vec<&'static str> {
    let named = references::of_pod(pod).into_iter().map(|(target, _)| target.resource());
    named.collect()
}

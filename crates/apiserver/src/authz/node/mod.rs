//! The Node authorizer: a kubelet may read what the Pods bound to its node use, and nothing else of that sort; everything else follows the
//! rules of ClusterRole system:node.

mod authorizer;
mod graph;
mod references;

pub use authorizer::NodeAuthorizer;
pub(crate) use authorizer::node_name;

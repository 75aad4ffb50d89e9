//! Authorization: system:masters may do everything, then the Node authorizer and RBAC are asked, in upstream's order. A request that none of
//! them allows is refused with upstream's text.

mod escalation;
mod node;
mod policy;
mod rbac;
mod refusal;
mod rule;
mod union;

#[cfg(test)]
mod tests;

pub use escalation::RoleEscalation;
pub(crate) use escalation::{missing_rights, only_collects_garbage};
pub use node::NodeAuthorizer;
pub(crate) use node::{node_name, pod_references};
pub use rbac::Rbac;
pub use refusal::refusal;
pub use rule::Rule;
pub use union::{Authorizers, PrivilegedGroup, standard};

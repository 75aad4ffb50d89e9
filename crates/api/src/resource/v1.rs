//! Kinds of resource.k8s.io/v1.

pub mod device_class;
pub mod device_taint_rule;
mod requests;
pub mod resource_claim;
pub mod resource_claim_template;
pub mod resource_slice;

//! The Kubernetes API as data: kinds, schemas, selectors, quantities, patches. No IO, no clock, no randomness.

pub(crate) mod bounded;
pub mod custom;
pub mod decode;
pub mod env;
#[allow(dead_code, reason = "the rules of Services and workloads use it next")]
pub(crate) mod field;
pub mod field_error;
pub mod int_or_string;
#[allow(dead_code, reason = "the rules of Services and workloads use it next")]
pub mod ip;
pub mod json_path;
pub mod kind;
pub mod kinds;
pub mod managed;
pub mod meta;
pub mod names;
pub mod openapi;
pub mod patch;
pub(crate) mod path;
pub mod placement;
pub mod printer;
pub mod protobuf;
pub mod quantity;
pub mod quota;
pub mod schema;
pub mod selector;
pub(crate) mod selector_rules;
pub(crate) mod strategy;
pub(crate) mod tree;
pub mod tunnel;

// The kinds: a folder per group and version, a file per kind.
pub mod admissionregistration {
    pub mod expressions;
    pub mod v1;
}
pub mod apiextensions {
    pub mod v1;
}
pub mod apiregistration {
    pub mod v1;
}
pub mod apps {
    pub mod v1;
}
pub mod authentication {
    pub mod v1;
}
pub mod authorization {
    pub mod v1;
}
pub mod autoscaling {
    pub mod v1;
    pub mod v2;
}
pub mod batch {
    pub mod v1;
}
pub mod certificates {
    pub mod v1;
}
pub mod coordination {
    pub mod v1;
}
pub mod core {
    pub mod v1;
}
pub mod discovery {
    pub mod v1;
}
pub mod events {
    pub mod v1;
}
pub mod flowcontrol {
    pub mod v1;
}
pub mod networking {
    pub mod v1;
}
pub mod node {
    pub mod v1;
}
pub mod policy {
    pub mod v1;
}
pub mod rbac {
    pub mod v1;
}
pub mod resource {
    pub mod v1;
}
pub mod scheduling {
    pub mod v1;
}
pub mod storage {
    pub mod v1;
}
pub mod storagemigration {
    pub mod v1;
}

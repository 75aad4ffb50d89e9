//! Deployment: Pods in ReplicaSets, rolled out step by step.

use crate::kind::{Hooks, Kind, STANDARD_VERBS, Subresource};

pub static KIND: Kind = Kind {
    group: "apps",
    version: "v1",
    kind: "Deployment",
    plural: "deployments",
    singular: "deployment",
    short_names: &["deploy"],
    categories: &["all"],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "deployments",
    storage_version: None,
    subresources: &[Subresource::SCALE, Subresource::status("apps", "v1", "Deployment")],
    columns: &[],
    service: "",
    hooks: Hooks { has_status: true, has_generation: true, ..Hooks::NONE },
};

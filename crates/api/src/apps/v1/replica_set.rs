//! ReplicaSet: keeps a number of equal Pods.

use crate::kind::{Hooks, Kind, STANDARD_VERBS, Subresource};

pub static KIND: Kind = Kind {
    group: "apps",
    version: "v1",
    kind: "ReplicaSet",
    plural: "replicasets",
    singular: "replicaset",
    short_names: &["rs"],
    categories: &["all"],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "replicasets",
    storage_version: None,
    subresources: &[Subresource::SCALE, Subresource::status("apps", "v1", "ReplicaSet")],
    columns: &[],
    service: "",
    hooks: Hooks { has_status: true, has_generation: true, ..Hooks::NONE },
};

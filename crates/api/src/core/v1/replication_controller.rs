//! ReplicationController: the older keeper of a number of equal Pods.

use crate::kind::{Hooks, Kind, STANDARD_VERBS, Subresource};

pub static KIND: Kind = Kind {
    group: "",
    version: "v1",
    kind: "ReplicationController",
    plural: "replicationcontrollers",
    singular: "replicationcontroller",
    short_names: &["rc"],
    categories: &["all"],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "controllers",
    storage_version: None,
    subresources: &[Subresource::SCALE, Subresource::status("", "v1", "ReplicationController")],
    columns: &[],
    service: "",
    hooks: Hooks { has_status: true, has_generation: true, orphan_by_default: true, ..Hooks::NONE },
};

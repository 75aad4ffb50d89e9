//! StatefulSet: Pods with stable names and storage.

use crate::kind::{Hooks, Kind, STANDARD_VERBS, Subresource};

pub static KIND: Kind = Kind {
    group: "apps",
    version: "v1",
    kind: "StatefulSet",
    plural: "statefulsets",
    singular: "statefulset",
    short_names: &["sts"],
    categories: &["all"],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "statefulsets",
    storage_version: None,
    subresources: &[Subresource::SCALE, Subresource::status("apps", "v1", "StatefulSet")],
    columns: &[],
    service: "",
    hooks: Hooks { has_status: true, has_generation: true, ..Hooks::NONE },
};

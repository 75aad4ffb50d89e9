//! LimitRange: bounds and defaults for resources in a namespace.

use crate::kind::{Hooks, Kind, STANDARD_VERBS};

pub static KIND: Kind = Kind {
    group: "",
    version: "v1",
    kind: "LimitRange",
    plural: "limitranges",
    singular: "limitrange",
    short_names: &["limits"],
    categories: &[],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "limitranges",
    storage_version: None,
    subresources: &[],
    columns: &[],
    service: "",
    hooks: Hooks { create_on_update: true, ..Hooks::NONE },
};

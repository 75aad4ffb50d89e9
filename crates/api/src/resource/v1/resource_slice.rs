//! ResourceSlice: the devices a driver has on a node or in a pool.

use crate::kind::{Hooks, Kind, STANDARD_VERBS};

pub static KIND: Kind = Kind {
    group: "resource.k8s.io",
    version: "v1",
    kind: "ResourceSlice",
    plural: "resourceslices",
    singular: "resourceslice",
    short_names: &[],
    categories: &[],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "resourceslices",
    storage_version: None,
    subresources: &[],
    columns: &[],
    service: "",
    hooks: Hooks { has_generation: true, ..Hooks::NONE },
};

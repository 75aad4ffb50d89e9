//! CSINode: the CSI drivers of a node.

use crate::kind::{Hooks, Kind, STANDARD_VERBS, Subresource};

pub static KIND: Kind = Kind {
    group: "storage.k8s.io",
    version: "v1",
    kind: "CSINode",
    plural: "csinodes",
    singular: "csinode",
    short_names: &[],
    categories: &[],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "csinodes",
    storage_version: None,
    subresources: &[Subresource::status("storage.k8s.io", "v1", "CSINode")],
    columns: &[],
    service: "",
    hooks: Hooks { has_status: true, unconditional_update: false, ..Hooks::NONE },
};

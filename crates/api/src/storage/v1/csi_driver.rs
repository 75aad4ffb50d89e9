//! CSIDriver: what a CSI driver is capable of.

use crate::kind::{Hooks, Kind, STANDARD_VERBS};

pub static KIND: Kind = Kind {
    group: "storage.k8s.io",
    version: "v1",
    kind: "CSIDriver",
    plural: "csidrivers",
    singular: "csidriver",
    short_names: &[],
    categories: &[],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "csidrivers",
    storage_version: None,
    subresources: &[],
    columns: &[],
    service: "",
    hooks: Hooks { has_generation: true, unconditional_update: false, ..Hooks::NONE },
};

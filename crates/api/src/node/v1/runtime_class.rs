//! RuntimeClass: a container runtime's configuration Pods may choose.

use crate::kind::{Hooks, Kind, STANDARD_VERBS};

pub static KIND: Kind = Kind {
    group: "node.k8s.io",
    version: "v1",
    kind: "RuntimeClass",
    plural: "runtimeclasses",
    singular: "runtimeclass",
    short_names: &[],
    categories: &[],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "runtimeclasses",
    storage_version: None,
    subresources: &[],
    columns: &[],
    service: "",
    hooks: Hooks { create_on_update: true, unconditional_update: false, ..Hooks::NONE },
};

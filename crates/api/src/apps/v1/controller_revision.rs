//! ControllerRevision: an immutable snapshot of a StatefulSet's or DaemonSet's template.

use crate::kind::{Hooks, Kind, STANDARD_VERBS};

pub static KIND: Kind = Kind {
    group: "apps",
    version: "v1",
    kind: "ControllerRevision",
    plural: "controllerrevisions",
    singular: "controllerrevision",
    short_names: &[],
    categories: &[],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "controllerrevisions",
    storage_version: None,
    subresources: &[],
    columns: &[],
    service: "",
    hooks: Hooks::NONE,
};

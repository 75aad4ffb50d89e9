//! PodTemplate: a stored template of a Pod.

use crate::kind::{Hooks, Kind, STANDARD_VERBS};

pub static KIND: Kind = Kind {
    group: "",
    version: "v1",
    kind: "PodTemplate",
    plural: "podtemplates",
    singular: "podtemplate",
    short_names: &[],
    categories: &[],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "podtemplates",
    storage_version: None,
    subresources: &[],
    columns: &[],
    service: "",
    hooks: Hooks { has_generation: true, ..Hooks::NONE },
};

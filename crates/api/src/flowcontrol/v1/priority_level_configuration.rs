//! PriorityLevelConfiguration: how many requests of a priority are served at once.

use crate::kind::{Hooks, Kind, STANDARD_VERBS, Subresource};

pub static KIND: Kind = Kind {
    group: "flowcontrol.apiserver.k8s.io",
    version: "v1",
    kind: "PriorityLevelConfiguration",
    plural: "prioritylevelconfigurations",
    singular: "prioritylevelconfiguration",
    short_names: &[],
    categories: &[],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "prioritylevelconfigurations",
    storage_version: None,
    subresources: &[Subresource::status("flowcontrol.apiserver.k8s.io", "v1", "PriorityLevelConfiguration")],
    columns: &[],
    service: "",
    hooks: Hooks { has_status: true, has_generation: true, ..Hooks::NONE },
};

//! FlowSchema: which requests go to which priority level.

use crate::kind::{Hooks, Kind, STANDARD_VERBS, Subresource};

pub static KIND: Kind = Kind {
    group: "flowcontrol.apiserver.k8s.io",
    version: "v1",
    kind: "FlowSchema",
    plural: "flowschemas",
    singular: "flowschema",
    short_names: &[],
    categories: &[],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "flowschemas",
    storage_version: None,
    subresources: &[Subresource::status("flowcontrol.apiserver.k8s.io", "v1", "FlowSchema")],
    columns: &[],
    service: "",
    hooks: Hooks { has_status: true, has_generation: true, ..Hooks::NONE },
};

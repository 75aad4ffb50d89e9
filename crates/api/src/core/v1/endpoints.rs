//! Endpoints: the older list of addresses behind a Service.

use crate::kind::{Hooks, Kind, STANDARD_VERBS};

pub static KIND: Kind = Kind {
    group: "",
    version: "v1",
    kind: "Endpoints",
    plural: "endpoints",
    singular: "endpoints",
    short_names: &["ep"],
    categories: &[],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "services/endpoints",
    storage_version: None,
    subresources: &[],
    columns: &[],
    service: "",
    hooks: Hooks { create_on_update: true, ..Hooks::NONE },
};

//! APIService: a group and version served by another API server.

use crate::kind::{Hooks, Kind, STANDARD_VERBS, Subresource};

pub static KIND: Kind = Kind {
    group: "apiregistration.k8s.io",
    version: "v1",
    kind: "APIService",
    plural: "apiservices",
    singular: "apiservice",
    short_names: &[],
    categories: &["api-extensions"],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "apiregistration.k8s.io/apiservices",
    storage_version: None,
    subresources: &[Subresource::status("apiregistration.k8s.io", "v1", "APIService")],
    columns: &[],
    service: "",
    hooks: Hooks { has_status: true, unconditional_update: false, ..Hooks::NONE },
};

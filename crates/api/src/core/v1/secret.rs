//! Secret: sensitive data for Pods.

use crate::kind::{Hooks, Kind, STANDARD_VERBS};

pub static KIND: Kind = Kind {
    group: "",
    version: "v1",
    kind: "Secret",
    plural: "secrets",
    singular: "secret",
    short_names: &[],
    categories: &[],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "secrets",
    storage_version: None,
    subresources: &[],
    columns: &[],
    service: "",
    hooks: Hooks::NONE,
};

//! ConfigMap: plain configuration data for Pods.

use crate::kind::{Hooks, Kind, STANDARD_VERBS};

pub static KIND: Kind = Kind {
    group: "",
    version: "v1",
    kind: "ConfigMap",
    plural: "configmaps",
    singular: "configmap",
    short_names: &["cm"],
    categories: &[],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "configmaps",
    storage_version: None,
    subresources: &[],
    columns: &[],
    service: "",
    hooks: Hooks::NONE,
};

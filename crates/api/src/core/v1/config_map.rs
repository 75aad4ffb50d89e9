//! ConfigMap: plain configuration data for Pods.

use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS};
use crate::tree::{at, len};

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
    columns: &[Column::string("Data", "Number of entries.", |map, _| {
        (len(at(map, "data")) + len(at(map, "binaryData"))).into()
    })],
    service: "",
    hooks: Hooks::NONE,
};

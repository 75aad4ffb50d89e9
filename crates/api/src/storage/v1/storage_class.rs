//! StorageClass: how volumes are provisioned.

use crate::kind::{Hooks, Kind, STANDARD_VERBS};

pub static KIND: Kind = Kind {
    group: "storage.k8s.io",
    version: "v1",
    kind: "StorageClass",
    plural: "storageclasses",
    singular: "storageclass",
    short_names: &["sc"],
    categories: &[],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "storageclasses",
    storage_version: None,
    subresources: &[],
    columns: &[],
    service: "",
    hooks: Hooks::NONE,
};

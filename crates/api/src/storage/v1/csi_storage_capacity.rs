//! CSIStorageCapacity: how much a StorageClass can still provide in a part of the cluster.

use crate::kind::{Hooks, Kind, STANDARD_VERBS};

pub static KIND: Kind = Kind {
    group: "storage.k8s.io",
    version: "v1",
    kind: "CSIStorageCapacity",
    plural: "csistoragecapacities",
    singular: "csistoragecapacity",
    short_names: &[],
    categories: &[],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "csistoragecapacities",
    storage_version: None,
    subresources: &[],
    columns: &[],
    service: "",
    hooks: Hooks { unconditional_update: false, ..Hooks::NONE },
};

//! CSIStorageCapacity: how much a StorageClass can still provide in a part of the cluster.

use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS};
use crate::printer::{UNSET, text_or};
use crate::tree::text;

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
    columns: &[
        Column::string("StorageClassName", "The StorageClass the capacity is of.", |capacity, _| {
            text(capacity, "storageClassName").into()
        }),
        Column::string("Capacity", "How much is available.", |capacity, _| text_or(capacity, "capacity", UNSET)),
    ],
    service: "",
    hooks: Hooks { age_column: false, unconditional_update: false, ..Hooks::NONE },
};

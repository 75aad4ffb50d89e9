//! StorageVersionMigration: a rewrite of a resource's stored objects in the present version.

use crate::kind::{Hooks, Kind, STANDARD_VERBS, Subresource};

pub static KIND: Kind = Kind {
    group: "storagemigration.k8s.io",
    version: "v1",
    kind: "StorageVersionMigration",
    plural: "storageversionmigrations",
    singular: "storageversionmigration",
    short_names: &[],
    categories: &[],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "storageversionmigrations",
    storage_version: None,
    subresources: &[Subresource::status("storagemigration.k8s.io", "v1", "StorageVersionMigration")],
    columns: &[],
    service: "",
    hooks: Hooks { has_status: true, unconditional_update: false, ..Hooks::NONE },
};

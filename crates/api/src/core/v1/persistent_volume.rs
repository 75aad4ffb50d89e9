//! PersistentVolume: a piece of storage in the cluster.

use crate::kind::{Hooks, Kind, STANDARD_VERBS, Subresource};

pub static KIND: Kind = Kind {
    group: "",
    version: "v1",
    kind: "PersistentVolume",
    plural: "persistentvolumes",
    singular: "persistentvolume",
    short_names: &["pv"],
    categories: &[],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "persistentvolumes",
    storage_version: None,
    subresources: &[Subresource::status("", "v1", "PersistentVolume")],
    columns: &[],
    service: "",
    hooks: Hooks { has_status: true, ..Hooks::NONE },
};

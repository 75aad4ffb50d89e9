//! PersistentVolumeClaim: a request for storage.

use crate::kind::{Hooks, Kind, STANDARD_VERBS, Subresource};

pub static KIND: Kind = Kind {
    group: "",
    version: "v1",
    kind: "PersistentVolumeClaim",
    plural: "persistentvolumeclaims",
    singular: "persistentvolumeclaim",
    short_names: &["pvc"],
    categories: &[],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "persistentvolumeclaims",
    storage_version: None,
    subresources: &[Subresource::status("", "v1", "PersistentVolumeClaim")],
    columns: &[],
    service: "",
    hooks: Hooks { has_status: true, ..Hooks::NONE },
};

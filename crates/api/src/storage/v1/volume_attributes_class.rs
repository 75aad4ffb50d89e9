//! VolumeAttributesClass: attributes of volumes that may change during their life.

use crate::kind::{Hooks, Kind, STANDARD_VERBS};

pub static KIND: Kind = Kind {
    group: "storage.k8s.io",
    version: "v1",
    kind: "VolumeAttributesClass",
    plural: "volumeattributesclasses",
    singular: "volumeattributesclass",
    short_names: &["vac"],
    categories: &[],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "volumeattributesclasses",
    storage_version: None,
    subresources: &[],
    columns: &[],
    service: "",
    hooks: Hooks::NONE,
};

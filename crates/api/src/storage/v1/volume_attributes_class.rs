//! VolumeAttributesClass: attributes of volumes that may change during their life.

use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS};
use crate::tree::text;

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
    columns: &[Column::string("DriverName", "Name of the CSI driver", |class, _| text(class, "driverName").into())],
    service: "",
    hooks: Hooks::NONE,
};

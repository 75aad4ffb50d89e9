//! StorageClass: how volumes are provisioned.

use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS};
use crate::meta;
use crate::printer::{flag, text_or};
use crate::tree::{default as fill, text};
use serde_json::Value;

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
    columns: &[
        Column {
            format: "name",
            ..Column::string("Name", "Name must be unique within a namespace.", |class, _| name(class).into())
        },
        Column::string("Provisioner", "The type of the provisioner.", |class, _| text(class, "provisioner").into()),
        Column::string("ReclaimPolicy", "The reclaim policy of volumes of this class.", |class, _| {
            text_or(class, "reclaimPolicy", "Delete")
        }),
        Column::string("VolumeBindingMode", "How claims are provisioned and bound.", |class, _| {
            text_or(class, "volumeBindingMode", "Immediate")
        }),
        Column::string("AllowVolumeExpansion", "Whether volumes can be expanded.", |class, _| {
            flag(class, "allowVolumeExpansion")
        }),
    ],
    service: "",
    hooks: Hooks { default, name_column: false, ..Hooks::NONE },
};

/// The name, and whether the class is the default one.
fn name(class: &Value) -> String {
    let default = meta::annotation(class, "storageclass.kubernetes.io/is-default-class") == Some("true");
    format!("{}{}", meta::name(class), if default { " (default)" } else { "" })
}

fn default(class: &mut Value) {
    fill(class, "reclaimPolicy", "Delete");
    fill(class, "volumeBindingMode", "Immediate");
}

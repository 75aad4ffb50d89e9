//! StorageClass: how volumes are provisioned.

use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, WriteContext};
use crate::printer::{flag, text_or};
use crate::tree::{at, default as fill, text};
use crate::{field, meta};
use crate::{field_error::FieldError, names};
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
    hooks: Hooks { validate, validate_update, default, name_column: false, ..Hooks::NONE },
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

fn validate(class: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(class, |class| {
        let provisioner = class.get("provisioner");
        match provisioner.text().to_lowercase().as_str() {
            "" => provisioner.required(""),
            name => provisioner.invalid_all(names::qualified_name(name)),
        }
        class.get("reclaimPolicy").check_one_of(&["Delete", "Retain"]);
        class.get("volumeBindingMode").require_one_of(&["Immediate", "WaitForFirstConsumer"]);
    })
}

fn validate_update(new: &Value, old: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(new, |class| {
        for field in ["parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"] {
            class.get(field).fixed(at(old, field));
        }
    })
}

//! StorageClass: how volumes are provisioned.

use crate::field::{self, Field};
use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, WriteContext};
use crate::meta;
use crate::printer::{flag, text_or};
use crate::tree::{at, default as fill, text};
use crate::{field_error::FieldError, names};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

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
            name => names::qualified_name(name).iter().for_each(|why| provisioner.invalid_value(&name.into(), why)),
        }
        parameters(&class.get("parameters"));
        topologies(&class.get("allowedTopologies"));
        class.get("reclaimPolicy").check_one_of(&["Delete", "Retain"]);
        class.get("volumeBindingMode").require_one_of(&["Immediate", "WaitForFirstConsumer"]);
    })
}

/// How many parameters there may be, and their size in all.
const PARAMETERS_MAX: usize = 512;
const PARAMETERS_BYTES_MAX: usize = 256 * 1024;

fn parameters(parameters: &Field) {
    let too_long = |max| parameters.report(FieldError::too_long(parameters.place(), max));
    if parameters.len() > PARAMETERS_MAX {
        return too_long(PARAMETERS_MAX);
    }
    if parameters.entries().any(|(key, _)| key.is_empty()) {
        parameters.invalid_value(&"".into(), "field can not be empty.");
    }
    if parameters.entries().map(|(key, value)| key.len() + value.text().len()).sum::<usize>() > PARAMETERS_BYTES_MAX {
        too_long(PARAMETERS_BYTES_MAX);
    }
}

fn topologies(topologies: &Field) {
    // Upstream compares each term with an empty one, too.
    let mut seen = vec![BTreeMap::new()];
    for term in topologies.items() {
        let mut term_of: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let expressions = term.get("matchLabelExpressions");
        for expression in expressions.items() {
            let (key, values) = (expression.get("key"), expression.get("values"));
            if values.len() == 0 {
                values.required("");
            }
            let mut set = BTreeSet::new();
            values.items().filter(|value| !set.insert(value.text().to_owned())).for_each(|value| value.duplicate());
            key.invalid_all(names::qualified_name(key.text()));
            if term_of.insert(key.text().to_owned(), set).is_some() {
                key.duplicate();
            }
        }
        if seen.contains(&term_of) {
            expressions.with(&"".into()).duplicate();
        }
        seen.push(term_of);
    }
}

fn validate_update(new: &Value, old: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(new, |class| {
        for field in ["parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"] {
            class.get(field).fixed(at(old, field));
        }
    })
}

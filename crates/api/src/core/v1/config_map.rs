//! ConfigMap: plain configuration data for Pods.

use serde_json::Value;

use crate::field::{self, Field};
use crate::field_error::FieldError;
use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, WriteContext};
use crate::names;
use crate::tree::{at, flag, len};

pub static KIND: Kind = Kind {
    group: "",
    version: "v1",
    kind: "ConfigMap",
    plural: "configmaps",
    singular: "configmap",
    short_names: &["cm"],
    categories: &[],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "configmaps",
    storage_version: None,
    subresources: &[],
    columns: &[Column::string("Data", "Number of entries.", |map, _| {
        (len(at(map, "data")) + len(at(map, "binaryData"))).into()
    })],
    service: "",
    hooks: Hooks { validate, validate_update, ..Hooks::NONE },
};

/// The most a ConfigMap or Secret may hold.
pub(crate) const MAX_BYTES: usize = 1024 * 1024;

fn validate(map: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(map, |map| {
        let (data, binary) = (map.get("data"), map.get("binaryData"));
        let mut size = 0;
        for list in [&data, &binary] {
            for (key, entry) in list.entries() {
                let shown = key.into();
                names::config_map_key(key).iter().for_each(|why| entry.invalid_value(&shown, why));
                size += entry.text().len();
            }
        }
        for (key, entry) in data.entries().filter(|(key, _)| binary.value.get(*key).is_some()) {
            entry.invalid_value(&key.into(), "duplicate of key present in binaryData");
        }
        if size > MAX_BYTES {
            // Upstream's path of nothing.
            map.report(FieldError::too_long("[]", MAX_BYTES));
        }
    })
}

fn validate_update(new: &Value, old: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(new, |map| frozen(map, old, &["data", "binaryData"]))
}

/// An immutable ConfigMap or Secret stays so, with what it holds.
pub(crate) fn frozen(object: &Field, old: &Value, contents: &[&str]) {
    const WHY: &str = "field is immutable when `immutable` is set";
    if !flag(old, "immutable") {
        return;
    }
    if !object.get("immutable").flag() {
        object.get("immutable").forbidden(WHY);
    }
    for field in contents.iter().map(|field| (object.get(field), at(old, field))) {
        if field.0.value != field.1 {
            field.0.forbidden(WHY);
        }
    }
}

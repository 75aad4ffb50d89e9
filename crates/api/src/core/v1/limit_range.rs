//! LimitRange: bounds and defaults for resources in a namespace.

mod validate;

use crate::core::v1::resources;
use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS};
use crate::meta;
use crate::tree::{at, at_mut, items_mut, map_mut, text};
use serde_json::Value;

pub static KIND: Kind = Kind {
    group: "",
    version: "v1",
    kind: "LimitRange",
    plural: "limitranges",
    singular: "limitrange",
    short_names: &["limits"],
    categories: &[],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "limitranges",
    storage_version: None,
    subresources: &[],
    columns: &[Column::string("Created At", "When the limit range was created.", |range, _| {
        meta::creation_timestamp(range).into()
    })],
    service: "",
    hooks: Hooks { age_column: false, default, validate: validate::range, create_on_update: true, ..Hooks::NONE },
};

fn default(range: &mut Value) {
    let Some(spec) = at_mut(range, "spec") else { return };
    for item in items_mut(spec, "limits") {
        if text(item, "type") == "Container" {
            fill(item, "max", "default");
            fill(item, "default", "defaultRequest");
            fill(item, "min", "defaultRequest");
        }
        for list in ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"] {
            resources::round(item, list);
        }
    }
}

/// What `to` does not name, it has from `from`.
fn fill(item: &mut Value, from: &str, to: &str) {
    let Some(amounts) = at(item, from).as_object().cloned() else { return };
    let list = map_mut(item, to);
    for (name, amount) in amounts {
        list.entry(name).or_insert(amount);
    }
}

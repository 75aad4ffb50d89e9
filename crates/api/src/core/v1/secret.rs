//! Secret: sensitive data for Pods.

use serde_json::Value;

use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, WriteContext};
use crate::tree::{at, default as fill, keep, len, map_mut, remove, text};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

pub static KIND: Kind = Kind {
    group: "",
    version: "v1",
    kind: "Secret",
    plural: "secrets",
    singular: "secret",
    short_names: &[],
    categories: &[],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "secrets",
    storage_version: None,
    subresources: &[],
    columns: &[
        Column::string("Type", "Used to facilitate programmatic handling of secret data.", |secret, _| {
            text(secret, "type").into()
        }),
        Column::string("Data", "Number of entries.", |secret, _| len(at(secret, "data")).into()),
    ],
    service: "",
    hooks: Hooks {
        default,
        prepare_update,
        selectable_fields: |secret| vec![("type", text(secret, "type").to_owned())],
        ..Hooks::NONE
    },
};

/// stringData is for writing only: it goes into data, encoded.
fn default(secret: &mut Value) {
    fill(secret, "type", "Opaque");
    let Some(Value::Object(texts)) = remove(secret, "stringData") else { return };
    for (key, value) in texts {
        let bytes = value.as_str().unwrap_or_default().as_bytes();
        map_mut(secret, "data").insert(key, STANDARD.encode(bytes).into());
    }
}

fn prepare_update(new: &mut Value, old: &Value, _: &WriteContext) {
    if text(new, "type").is_empty() {
        keep(new, old, "type");
    }
}

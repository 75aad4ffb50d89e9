//! Secret: sensitive data for Pods.

use serde_json::Value;

use super::config_map::{MAX_BYTES, frozen};
use crate::field::{self, Field};
use crate::field_error::FieldError;
use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, WriteContext};
use crate::names;
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
        validate,
        validate_update,

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

fn validate(secret: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(secret, |object| {
        let data = object.get("data");
        let mut size = 0;
        for (key, entry) in data.entries() {
            let shown = key.into();
            names::config_map_key(key).iter().for_each(|why| entry.invalid_value(&shown, why));
            size += bytes(entry.value).len();
        }
        if size > MAX_BYTES {
            data.report(FieldError::too_long(data.place(), MAX_BYTES));
        }
        of_type(object, &data);
    })
}

fn bytes(value: &Value) -> Vec<u8> {
    // The schema has refused what is no base64.
    STANDARD.decode(value.as_str().unwrap_or_default()).unwrap_or_default()
}

/// The keys that a type of secret must have.
fn of_type(secret: &Field, data: &Field) {
    let required: &[&str] = match secret.get("type").text() {
        "kubernetes.io/dockercfg" => &[".dockercfg"],
        "kubernetes.io/dockerconfigjson" => &[".dockerconfigjson"],
        "kubernetes.io/ssh-auth" => &["ssh-privatekey"],
        "kubernetes.io/tls" => &["tls.crt", "tls.key"],
        "kubernetes.io/basic-auth" if data.entry("username").is_set() || data.entry("password").is_set() => &[],
        "kubernetes.io/basic-auth" => &["username", "password"],
        "kubernetes.io/service-account-token" => {
            let metadata = secret.get("metadata");
            let annotations = metadata.get("annotations");
            let name = annotations.entry("kubernetes.io/service-account.name");
            return if name.text().is_empty() {
                name.required("")
            };
        }
        _ => return,
    };
    for key in required {
        let entry = data.entry(key);
        let empty_key = *key == "ssh-privatekey" && entry.text().is_empty();
        if !entry.is_set() || empty_key {
            entry.required("");
        } else if key.starts_with(".docker")
            && let Err(error) = serde_json::from_slice::<serde_json::Map<String, Value>>(&bytes(entry.value))
        {
            entry.invalid_value(&"<secret contents redacted>".into(), &error.to_string());
        }
    }
}

fn validate_update(new: &Value, old: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(new, |secret| {
        secret.get("type").immutable(at(old, "type"));
        frozen(secret, old, &["data"]);
    })
}

//! Embedded resources name their kind, and their metadata holds what metadata has to hold.

use serde_json::{Value, json};

use super::Structural;
use crate::bounded::Bounded;
use crate::field_error::FieldError;
use crate::names;
use crate::path::Path;
use crate::schema::{self, IssueKind};

pub(super) fn validate(schema: &Structural, object: &Value) -> Vec<FieldError> {
    let mut errors = Bounded::default();
    // The object itself has been looked at by the generic rules of metadata.
    below(schema, object, &Path::Root, &mut errors);
    errors.into_vec()
}

/// As [`validate`], of a value at `path`, which may be such an object itself.
pub(super) fn within(schema: &Structural, value: &Value, path: &str) -> Vec<FieldError> {
    let mut errors = Bounded::default();
    walk(schema, value, &Path::named(path), &mut errors);
    errors.into_vec()
}

/// The first embedded field that is of another type than the metadata of objects has.
pub(super) fn malformed(structural: &Structural, value: &Value, path: &Path) -> Option<FieldError> {
    match value {
        Value::Object(map) => map.iter().find_map(|(key, value)| {
            let named = structural.properties.contains_key(key);
            let place = if named || structural.embedded { Path::Key(path, key) } else { Path::Bracket(path, key) };
            let own = if structural.embedded { mistyped(key, value, &place) } else { None };
            own.or_else(|| malformed(structural.child(key)?, value, &place))
        }),
        Value::Array(list) => {
            let items = structural.items.as_deref()?;
            let mut list = list.iter().enumerate();
            list.find_map(|(index, value)| malformed(items, value, &Path::Index(path, index)))
        }
        _ => None,
    }
}

fn mistyped(key: &str, value: &Value, place: &Path) -> Option<FieldError> {
    match key {
        "apiVersion" | "kind" if !value.is_string() => {
            Some(FieldError::invalid(place.to_string(), value, "must be a string"))
        }
        "metadata" => {
            let schema = schema::of("meta.k8s.io", "v1", "PartialObjectMetadata")?;
            let issues = schema.normalise(&mut json!({ "metadata": value }));
            let issue = issues.into_iter().find(|issue| issue.kind == IssueKind::Type)?;
            let why = issue.message.replace("ObjectMeta.metadata.", "ObjectMeta.");
            Some(FieldError::invalid(place.to_string(), value, &why))
        }
        _ => None,
    }
}

fn child(path: &Path, key: &str) -> String {
    Path::Key(path, key).to_string()
}

fn walk(schema: &Structural, value: &Value, path: &Path, errors: &mut Bounded<FieldError>) {
    if errors.is_full() {
        return;
    }
    if schema.embedded && value.is_object() {
        resource(value, path, errors);
    }
    below(schema, value, path, errors);
}

fn below(schema: &Structural, value: &Value, path: &Path, errors: &mut Bounded<FieldError>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let named = schema.properties.contains_key(key);
                let Some(child) = schema.child(key) else { continue };
                let place = if named { Path::Key(path, key) } else { Path::Bracket(path, key) };
                walk(child, value, &place, errors);
            }
        }
        Value::Array(list) => {
            let Some(items) = &schema.items else { return };
            for (index, value) in list.iter().enumerate() {
                walk(items, value, &Path::Index(path, index), errors);
            }
        }
        _ => {}
    }
}

fn resource(value: &Value, path: &Path, errors: &mut Bounded<FieldError>) {
    for field in ["apiVersion", "kind"] {
        let place = child(path, field);
        match value.get(field) {
            None => errors.push(FieldError::required(place, "")),
            Some(Value::String(text)) if text.is_empty() => {
                errors.push(FieldError::invalid(place, &"".into(), "must not be empty"));
            }
            Some(Value::String(text)) if field == "kind" => {
                let wrong = names::dns1035_label(&text.to_lowercase());
                if !wrong.is_empty() {
                    let why = format!("may have mixed case, but should otherwise match: {}", wrong.join(","));
                    errors.push(FieldError::invalid(place, &text.as_str().into(), &why));
                }
            }
            Some(Value::String(text)) if text.matches('/').count() > 1 => {
                let why = format!("unexpected GroupVersion string: {text}");
                errors.push(FieldError::invalid(place, &text.as_str().into(), &why));
            }
            Some(Value::String(_)) => {}
            Some(other) => errors.push(FieldError::invalid(place, other, "must be a string")),
        }
    }
    metadata(value, path, errors);
}

fn metadata(value: &Value, path: &Path, errors: &mut Bounded<FieldError>) {
    let metadata = &value["metadata"];
    if let Some(name) = metadata["name"].as_str().filter(|name| !name.is_empty()) {
        for why in names::path_segment(name) {
            errors.push(FieldError::invalid(child(path, "metadata.name"), &name.into(), &why));
        }
    }
    let place = child(path, "metadata.labels");
    for (key, value) in metadata["labels"].as_object().into_iter().flatten() {
        if errors.is_full() {
            return;
        }
        for why in names::qualified_name(key) {
            errors.push(FieldError::invalid(&place, &key.as_str().into(), &why));
        }
        for why in names::label_value(value.as_str().unwrap_or_default()) {
            errors.push(FieldError::invalid(&place, value, &why));
        }
    }
}

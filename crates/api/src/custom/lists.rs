//! Lists of type set and map have no item twice.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Additional, Structural};
use crate::bounded::Bounded;
use crate::field_error::FieldError;
use crate::path::Path;
use crate::schema::ListType;

pub(super) fn validate(schema: &Structural, object: &Value) -> Vec<FieldError> {
    let mut errors = Bounded::default();
    walk(schema, object, &Path::Root, &mut errors);
    errors.into_vec()
}

fn walk(schema: &Structural, value: &Value, path: &Path, errors: &mut Bounded<FieldError>) {
    if errors.is_full() {
        return;
    }
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                if let Additional::Schema(child) = &schema.additional {
                    walk(child, value, &Path::Bracket(path, key), errors);
                } else if let Some(child) = schema.properties.get(key) {
                    walk(child, value, &Path::Key(path, key), errors);
                }
            }
        }
        Value::Array(list) => {
            match schema.list_type {
                Some(ListType::Set) => duplicates(list.to_vec(), path, errors),
                Some(ListType::Map) => keyed(schema, list, path, errors),
                _ => {}
            }
            let Some(items) = &schema.items else { return };
            for (index, value) in list.iter().enumerate() {
                walk(items, value, &Path::Index(path, index), errors);
            }
        }
        _ => {}
    }
}

fn keyed(schema: &Structural, list: &[Value], path: &Path, errors: &mut Bounded<FieldError>) {
    if let Some((index, value)) = list.iter().enumerate().find(|(_, value)| !value.is_object() && !value.is_null()) {
        let why = "must be an object for an array of list-type map";
        return errors.push(FieldError::invalid(format!("{path}[{index}]"), value, why));
    }
    let keys = list.iter().map(|item| {
        let fields = schema.list_keys.iter().filter_map(|key| Some(((*key).to_owned(), item.get(*key)?.clone())));
        Value::Object(fields.collect::<Map<_, _>>())
    });
    duplicates(keys.collect(), path, errors);
}

/// The second appearance of each value is told.
fn duplicates(values: Vec<Value>, path: &Path, errors: &mut Bounded<FieldError>) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for (index, value) in values.iter().enumerate() {
        let count = seen.entry(value.to_string()).or_default();
        *count += 1;
        if *count == 2 && !errors.is_full() {
            errors.push(FieldError::duplicate(format!("{path}[{index}]"), value));
        }
    }
}

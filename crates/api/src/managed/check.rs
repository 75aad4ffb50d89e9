//! Whether an applied configuration fits its kind's shape: known fields, right types, no item twice. Upstream's texts.

use std::collections::BTreeSet;

use serde_json::Value;

use super::path::PathElement;
use super::place::{Atom, Place, Shaped};
use crate::custom::{Structural, ValueType};
use crate::schema::{self, Shape};

/// What does not fit, as upstream says it; `None` when all fits.
pub(super) fn check(place: Place, value: &Value) -> Option<String> {
    let mut errors = Vec::new();
    walk(place, value, "", &mut errors);
    match &errors[..] {
        [] => None,
        [one] => Some(one.clone()),
        several => Some(format!("errors:\n  {}", several.join("\n  "))),
    }
}

fn walk(place: Place, value: &Value, path: &str, errors: &mut Vec<String>) {
    if value.is_null() {
        return;
    }
    let mut refuse = |why: String| errors.push(if path.is_empty() { why } else { format!("{path}: {why}") });
    let shape = match place.shape() {
        Shaped::Table(shape) => shape,
        Shaped::Custom(schema, _) => return custom(place, schema, value, path, errors),
    };
    match (shape, value) {
        (Shape::Object(id), Value::Object(map)) => {
            let object_type = schema::table().get(*id);
            for (name, value) in map {
                match object_type.field(name) {
                    Some(field) => walk(Place::field(field), value, &format!("{path}.{name}"), errors),
                    None => {
                        let known = object_type.fields.iter().map(|field| field.name);
                        errors.push(undeclared(path, name, known, errors.len()));
                    }
                }
            }
        }
        (Shape::Map(item), Value::Object(map)) => {
            map.iter().for_each(|(name, value)| walk(Place::item(item), value, &format!("{path}.{name}"), errors));
        }
        (Shape::List(item), Value::Array(list)) => items(place, Place::item(item), list, path, errors),
        (Shape::Object(_) | Shape::Map(_), _) => refuse(format!("expected map, got {}", shown(value))),
        (Shape::List(_) | Shape::Strings, value) if !value.is_array() => {
            refuse(format!("expected list, got {}", shown(value)));
        }
        (Shape::String | Shape::Bytes, value) if !value.is_string() => {
            refuse(format!("expected string, got {}", shown(value)));
        }
        (Shape::Int32 | Shape::Int64 | Shape::Float, value) if !value.is_number() => {
            refuse(format!("expected numeric (int or float), got {}", go_type(value)));
        }
        (Shape::Bool, value) if !value.is_boolean() => refuse(format!("expected boolean, got {}", shown(value))),
        (Shape::Quantity | Shape::IntOrString | Shape::Time | Shape::MicroTime, Value::Array(_) | Value::Object(_)) => {
            refuse(format!("expected any scalar, got {}", shown(value)));
        }
        _ => {}
    }
}

/// `before`: so many errors were found before this one; what was meant is said of the first ones only.
fn undeclared<'n>(path: &str, name: &str, known: impl Iterator<Item = &'n str>, before: usize) -> String {
    let meant = if before < schema::MAX_ISSUES { schema::nearest(known, name) } else { None };
    let meant = meant.map(|meant| format!(" (did you mean {meant:?}?)")).unwrap_or_default();
    format!("{path}.{name}: field not declared in schema{meant}")
}

/// A value of a definition's schema.
fn custom(place: Place, schema: &Structural, value: &Value, path: &str, errors: &mut Vec<String>) {
    let mut refuse = |why: String| errors.push(if path.is_empty() { why } else { format!("{path}: {why}") });
    match (schema.value_type, value) {
        (ValueType::Object, Value::Object(map)) => {
            for (name, value) in map {
                let child = match place.atom(Some(&Value::Null)) {
                    Atom::Struct(object_type) => object_type.field(name),
                    Atom::Map(item) => Some(item),
                    _ => continue,
                };
                match child {
                    Some(child) => walk(child, value, &format!("{path}.{name}"), errors),
                    None => {
                        let known = schema.properties.keys().map(String::as_str);
                        errors.push(undeclared(path, name, known, errors.len()));
                    }
                }
            }
        }
        (ValueType::Array, Value::Array(list)) => {
            if let Some(item) = place.item_of() {
                items(place, item, list, path, errors);
            }
        }
        (ValueType::Object, _) => refuse(format!("expected map, got {}", shown(value))),
        (ValueType::Array, _) => refuse(format!("expected list, got {}", shown(value))),
        (ValueType::String, value) if !value.is_string() => refuse(format!("expected string, got {}", shown(value))),
        (ValueType::Integer | ValueType::Number, value) if !value.is_number() => {
            refuse(format!("expected numeric (int or float), got {}", go_type(value)));
        }
        (ValueType::Boolean, value) if !value.is_boolean() => {
            refuse(format!("expected boolean, got {}", shown(value)));
        }
        _ => {}
    }
}

fn items(place: Place, item: Place, list: &[Value], path: &str, errors: &mut Vec<String>) {
    let mut seen: BTreeSet<PathElement> = BTreeSet::new();
    for (index, value) in list.iter().enumerate() {
        let name = match place.atom(None) {
            Atom::Set(_) if value.is_null() => {
                Err("associative list without keys has an element that's an explicit null".to_owned())
            }
            Atom::Set(_) => Ok(PathElement::Value(value.clone())),
            Atom::Keyed(_) if value.is_null() => {
                Err("associative list with keys may not have a null element".to_owned())
            }
            Atom::Keyed(_) if !value.is_object() => {
                Err("associative list with keys may not have non-map elements".to_owned())
            }
            Atom::Keyed(keyed) => keyed.key_of(value).ok_or_else(|| {
                let keys: Vec<String> = keyed.keys().iter().map(|key| format!("{key:?}")).collect();
                format!(
                    "associative list with keys has an element that omits all key fields [{}] (and doesn't have default values for any key fields)",
                    keys.join(" ")
                )
            }),
            _ => Ok(PathElement::Index(index as i64)),
        };
        let name = match name {
            Ok(name) => name,
            Err(why) => return errors.push(format!("{path}: element {index}: {why}")),
        };
        walk(item, value, &format!("{path}{name}"), errors);
        if !seen.insert(name.clone()) {
            errors.push(format!("{path}: duplicate entries for key {name}"));
        }
    }
}

/// Roughly what Go prints of a value.
fn shown(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let fields: Vec<String> = map.iter().map(|(name, value)| format!("{name}:{}", go(value))).collect();
            format!("&{{map[{}]}}", fields.join(" "))
        }
        other => format!("&value.valueUnstructured{{Value:{other}}}"),
    }
}

fn go(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

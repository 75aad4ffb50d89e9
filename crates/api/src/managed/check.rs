//! Whether an applied configuration fits its kind's shape: known fields, right types, no item twice. Upstream's texts.

use std::collections::BTreeSet;

use serde_json::Value;

use super::path::PathElement;
use super::place::{Atom, Place, Shaped};
use crate::bounded::Bounded;
use crate::custom::{Structural, ValueType};
use crate::path::Path;
use crate::schema::{self, Shape};

/// What does not fit, as upstream says it, as far as it is told ([`Bounded`]); `None` when all fits.
pub(super) fn check(place: Place, value: &Value) -> Option<String> {
    let mut check = Check::default();
    check.walk(place, value, Path::Root);
    match &check.errors.into_vec()[..] {
        [] => None,
        [one] => Some(one.clone()),
        several => Some(format!("errors:\n  {}", several.join("\n  "))),
    }
}

#[derive(Default)]
struct Check {
    errors: Bounded<String>,
}

impl Check {
    fn refuse(&mut self, way: Path, why: &str) {
        let way = way.to_string();
        self.errors.push(if way.is_empty() { why.to_owned() } else { format!("{way}: {why}") });
    }

    fn undeclared<'n>(&mut self, way: Path, known: impl Iterator<Item = &'n str>, name: &str) {
        let meant = schema::nearest(known, name).map(|meant| format!(" (did you mean {meant:?}?)"));
        self.errors.push(format!("{way}: field not declared in schema{}", meant.unwrap_or_default()));
    }

    fn walk(&mut self, place: Place, value: &Value, way: Path) {
        if value.is_null() || self.errors.is_full() {
            return;
        }
        let shape = match place.shape() {
            Shaped::Table(shape) => shape,
            Shaped::Custom(schema, _) => return self.custom(place, schema, value, way),
        };
        match (shape, value) {
            (Shape::Object(id), Value::Object(map)) => {
                let object_type = schema::table().get(*id);
                for (name, value) in map {
                    let known = || object_type.fields.iter().map(|field| field.name);
                    self.field(object_type.field(name).map(Place::field), (name, value), known, way);
                }
            }
            (Shape::Map(item), Value::Object(map)) => {
                map.iter().for_each(|(name, value)| self.walk(Place::item(item), value, Path::Dotted(&way, name)));
            }
            (Shape::List(item), Value::Array(list)) => self.items(place, Place::item(item), list, way),
            (Shape::Object(_) | Shape::Map(_), _) => self.refuse(way, &format!("expected map, got {}", shown(value))),
            (Shape::List(_) | Shape::Strings, value) if !value.is_array() => {
                self.refuse(way, &format!("expected list, got {}", shown(value)));
            }
            (Shape::String | Shape::Bytes, value) if !value.is_string() => {
                self.refuse(way, &format!("expected string, got {}", shown(value)));
            }
            (Shape::Int32 | Shape::Int64 | Shape::Float, value) if !value.is_number() => {
                self.refuse(way, &format!("expected numeric (int or float), got {}", go_type(value)));
            }
            (Shape::Bool, value) if !value.is_boolean() => {
                self.refuse(way, &format!("expected boolean, got {}", shown(value)));
            }
            (
                Shape::Quantity | Shape::IntOrString | Shape::Time | Shape::MicroTime,
                Value::Array(_) | Value::Object(_),
            ) => {
                self.refuse(way, &format!("expected any scalar, got {}", shown(value)));
            }
            _ => {}
        }
    }

    fn field<'n, N: Iterator<Item = &'n str>>(
        &mut self,
        child: Option<Place>,
        (name, value): (&str, &Value),
        known: impl FnOnce() -> N,
        way: Path,
    ) {
        let way = Path::Dotted(&way, name);
        match child {
            Some(child) => self.walk(child, value, way),
            None if self.errors.is_full() => {}
            None => self.undeclared(way, known(), name),
        }
    }

    /// A value of a definition's schema.
    fn custom(&mut self, place: Place, schema: &Structural, value: &Value, way: Path) {
        match (schema.value_type, value) {
            (ValueType::Object, Value::Object(map)) => {
                for (name, value) in map {
                    let child = match place.atom(Some(&Value::Null)) {
                        Atom::Struct(object_type) => object_type.field(name),
                        Atom::Map(item) => Some(item),
                        _ => continue,
                    };
                    self.field(child, (name, value), || schema.properties.keys().map(String::as_str), way);
                }
            }
            (ValueType::Array, Value::Array(list)) => {
                if let Some(item) = place.item_of() {
                    self.items(place, item, list, way);
                }
            }
            (ValueType::Object, _) => self.refuse(way, &format!("expected map, got {}", shown(value))),
            (ValueType::Array, _) => self.refuse(way, &format!("expected list, got {}", shown(value))),
            (ValueType::String, value) if !value.is_string() => {
                self.refuse(way, &format!("expected string, got {}", shown(value)));
            }
            (ValueType::Integer | ValueType::Number, value) if !value.is_number() => {
                self.refuse(way, &format!("expected numeric (int or float), got {}", go_type(value)));
            }
            (ValueType::Boolean, value) if !value.is_boolean() => {
                self.refuse(way, &format!("expected boolean, got {}", shown(value)));
            }
            _ => {}
        }
    }

    fn items(&mut self, place: Place, item: Place, list: &[Value], way: Path) {
        let mut seen: BTreeSet<PathElement> = BTreeSet::new();
        for (index, value) in list.iter().enumerate() {
            if self.errors.is_full() {
                return;
            }
            let name = match element(place, index, value) {
                Ok(name) => name,
                Err(why) => return self.errors.push(format!("{way}: element {index}: {why}")),
            };
            self.walk(item, value, Path::Item(&way, &name));
            if seen.contains(&name) {
                self.errors.push(format!("{way}: duplicate entries for key {name}"));
            }
            seen.insert(name);
        }
    }
}

/// What an item of a list is called; else why it has no name.
fn element(place: Place, index: usize, value: &Value) -> Result<PathElement, String> {
    match place.atom(None) {
        Atom::Set(_) if value.is_null() => {
            Err("associative list without keys has an element that's an explicit null".to_owned())
        }
        Atom::Set(_) => Ok(PathElement::Value(value.clone())),
        Atom::Keyed(_) if value.is_null() => Err("associative list with keys may not have a null element".to_owned()),
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

//! An object without the fields of a set.

use serde_json::{Map, Value};

use super::compare::element;
use super::path::PathElement;
use super::place::{Atom, Place};
use super::set::FieldSet;

/// `value` without the members of `set`; null when nothing is left of it.
pub(super) fn remove(place: Place, value: &Value, set: &FieldSet) -> Value {
    match (place.atom(Some(value)), value) {
        (Atom::Struct(object_type), Value::Object(map)) => maps(map, set, |name| object_type.field(name)),
        (Atom::Map(item), Value::Object(map)) => maps(map, set, |_| Some(item)),
        (Atom::Set(item) | Atom::Keyed(item), Value::Array(list)) => lists(item, list, set),
        _ if place.is_list() || place.is_map() => Value::Null,
        _ => value.clone(),
    }
}

fn maps<'s>(map: &Map<String, Value>, set: &FieldSet, place: impl Fn(&str) -> Option<Place<'s>>) -> Value {
    let kept = map.iter().filter_map(|(name, value)| {
        let value = match set.node(&PathElement::Field(name.clone().into())) {
            Some(node) if node.member => return None,
            Some(node) => match place(name) {
                Some(place) => remove(place, value, &node.children),
                None => value.clone(),
            },
            None => value.clone(),
        };
        Some((name.clone(), value))
    });
    let kept: Map<String, Value> = kept.collect();
    if kept.is_empty() { Value::Null } else { Value::Object(kept) }
}

fn lists(item: Place, list: &[Value], set: &FieldSet) -> Value {
    let kept = list.iter().filter_map(|value| {
        let name = element(item, value);
        match name.and_then(|name| set.node(&name)) {
            Some(node) if node.member => None,
            Some(node) => Some(remove(item.below(), value, &node.children)),
            None => Some(value.clone()),
        }
    });
    let kept: Vec<Value> = kept.collect();
    if kept.is_empty() { Value::Null } else { Value::Array(kept) }
}

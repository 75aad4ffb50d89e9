//! The fields an object mentions: what an applied configuration says it wants to own.

use std::collections::BTreeMap;

use serde_json::Value;

use super::compare::element;
use super::path::PathElement;
use super::place::{Atom, Place};
use super::set::{FieldSet, Node};

/// Every leaf and every item.
pub(super) fn fields_of(place: Place, value: &Value) -> FieldSet {
    walk(place, value).1
}

/// Whether the value itself is a member, and what is below it.
fn walk(place: Place, value: &Value) -> (bool, FieldSet) {
    let nodes = match (place.atom(Some(value)), value) {
        (Atom::Leaf, _) => return (true, FieldSet::default()),
        (Atom::Struct(object_type), Value::Object(map)) => {
            let nodes = map.iter().filter_map(|(key, value)| {
                let place = object_type.field(key)?;
                Some(entry(PathElement::Field(key.clone().into()), place, value, false))
            });
            nodes.collect()
        }
        (Atom::Map(item), Value::Object(map)) => {
            map.iter().map(|(key, value)| entry(PathElement::Field(key.clone().into()), item, value, true)).collect()
        }
        (Atom::Set(item) | Atom::Keyed(item), Value::Array(list)) => items(item, list),
        _ => Vec::new(),
    };
    (false, FieldSet::of(nodes))
}

fn entry(element: PathElement, place: Place, value: &Value, owned: bool) -> Node {
    let (member, children) = walk(place, value);
    let empty = value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
    Node { element, member: member || owned || empty, children }
}

/// Items that share a name are owned as one, without their parts.
fn items(item: Place, list: &[Value]) -> Vec<Node> {
    let mut nodes: BTreeMap<PathElement, Node> = BTreeMap::new();
    for value in list {
        let Some(element) = element(item, value) else { continue };
        match nodes.get_mut(&element) {
            Some(known) => known.children = FieldSet::default(),
            None => drop(nodes.insert(element.clone(), entry(element, item.below(), value, true))),
        }
    }
    nodes.into_values().collect()
}

/// The set with every field of a struct that has something below it as a member too.
pub(super) fn named(place: Option<Place>, set: &FieldSet) -> FieldSet {
    let nodes = set.nodes().iter().map(|node| {
        let (field, below) = match (place.map(|place| place.atom(None)), &node.element) {
            (Some(Atom::Struct(object_type)), PathElement::Field(name)) => match object_type.field(name) {
                Some(place) => (true, Some(place)),
                None => (false, None),
            },
            (Some(Atom::Map(item)), PathElement::Field(_)) => (false, Some(item)),
            (Some(Atom::Keyed(item)), PathElement::Key(_)) => (false, Some(item.below())),
            _ => (false, None),
        };
        let children = named(below, &node.children);
        Node { element: node.element.clone(), member: node.member || field && !children.is_empty(), children }
    });
    FieldSet::of(nodes.collect())
}

//! What differs between two objects of a kind, field by field: added, modified, removed.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::path::PathElement;
use super::place::{Atom, Place, Struct};
use super::set::{FieldSet, Node};

/// The difference of two objects; no path is in two of the sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    pub removed: FieldSet,
    pub modified: FieldSet,
    pub added: FieldSet,
}

impl Comparison {
    pub fn is_same(&self) -> bool {
        self.removed.is_empty() && self.modified.is_empty() && self.added.is_empty()
    }
}

/// What a walk below one element found, sorted into removed, modified and added.
#[derive(Default)]
struct Found {
    members: [bool; 3],
    nodes: [Vec<Node>; 3],
}

const REMOVED: usize = 0;
const MODIFIED: usize = 1;
const ADDED: usize = 2;

impl Found {
    fn add(&mut self, element: PathElement, below: Found) {
        let Found { members, nodes } = below;
        for (at, (member, nodes)) in members.into_iter().zip(nodes).enumerate() {
            if member || !nodes.is_empty() {
                let children = FieldSet::of(nodes);
                self.nodes[at].push(Node { element: element.clone(), member, children });
            }
        }
    }

    fn member(at: usize) -> Self {
        let mut found = Self::default();
        found.members[at] = true;
        found
    }
}

pub(super) fn compare(place: Place, left: &Value, right: &Value) -> Comparison {
    let [removed, modified, added] = walk(place, left, right).nodes.map(FieldSet::of);
    Comparison { removed, modified, added }
}

fn walk(place: Place, left: &Value, right: &Value) -> Found {
    if left == right {
        return Found::default();
    }
    if is_bare(left) && is_bare(right) {
        return Found::member(MODIFIED);
    }
    match place.atom(if right.is_null() { Some(left) } else { Some(right) }) {
        Atom::Struct(object_type) => structs(object_type, left, right),
        Atom::Map(item) => maps(item, left, right),
        Atom::Set(item) | Atom::Keyed(item) => lists(item, left, right),
        Atom::Leaf => Found::member(MODIFIED),
    }
}

/// A value at `element` that one side alone has, with all below it.
fn one_sided(at: usize, element: PathElement, place: Place, value: &Value, found: &mut Found) {
    found.nodes[at].push(Node { element, member: true, children: all(place, value) });
}

/// Everything below a value that the other side does not have.
fn all(place: Place, value: &Value) -> FieldSet {
    let node = |element: PathElement, place: Place, value: &Value| {
        let children = all(place, value);
        Node { element, member: true, children }
    };
    let nodes: Vec<Node> = match (place.atom(Some(value)), value) {
        (Atom::Struct(object_type), Value::Object(map)) => {
            let hidden = object_type.written_fields().filter(|(name, ..)| !map.contains_key(*name));
            let hidden = hidden.filter_map(|(name, place, written)| Some((name, place, written?)));
            let shown = map.iter().filter_map(|(key, value)| Some((key.as_str(), object_type.field(key)?, value)));
            shown
                .chain(hidden)
                .map(|(name, place, value)| node(PathElement::Field(name.to_owned().into()), place, value))
                .collect()
        }
        (Atom::Map(item), Value::Object(map)) => {
            map.iter().map(|(key, value)| node(PathElement::Field(key.clone().into()), item, value)).collect()
        }
        (Atom::Set(item) | Atom::Keyed(item), Value::Array(list)) => {
            let mut items: BTreeMap<PathElement, Vec<&Value>> = BTreeMap::new();
            for value in list {
                let Some(element) = element(item, value) else { continue };
                items.entry(element).or_default().push(value);
            }
            let items = items.into_iter().map(|(element, values)| match values[..] {
                [one] => node(element, item.below(), one),
                // Items of one name are one thing together.
                _ => Node { element, member: true, children: FieldSet::default() },
            });
            items.collect()
        }
        _ => return FieldSet::default(),
    };
    FieldSet::of(nodes)
}

/// Null, or a list or map with nothing in it.
fn is_bare(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

fn structs(object_type: Struct<'_>, left: &Value, right: &Value) -> Found {
    let (left, right) = (left.as_object(), right.as_object());
    let mut found = Found::default();
    let mut visit = |name: &str| {
        let Some(place) = object_type.field(name) else { return };
        let left = left.and_then(|map| map.get(name).or_else(|| object_type.written(name)));
        let right = right.and_then(|map| map.get(name).or_else(|| object_type.written(name)));
        pair(&mut found, PathElement::Field(name.to_owned().into()), place, left, right);
    };
    names(left, right).for_each(&mut visit);
    if left.is_none() || right.is_none() {
        // Beside null even the fields count that are merely written.
        let present = left.or(right);
        let hidden = object_type.written_fields().map(|(name, ..)| name);
        hidden.filter(|name| present.is_some_and(|map| !map.contains_key(*name))).for_each(&mut visit);
    }
    found
}

/// Whatever the two sides have at `element`.
fn pair(found: &mut Found, element: PathElement, place: Place, left: Option<&Value>, right: Option<&Value>) {
    match (left, right) {
        (Some(left), Some(right)) => {
            let below = walk(place, left, right);
            found.add(element, below);
        }
        (Some(left), None) => one_sided(REMOVED, element, place, left, found),
        (None, Some(right)) => one_sided(ADDED, element, place, right, found),
        (None, None) => {}
    }
}

/// The keys of both maps, each once.
fn names<'v>(
    left: Option<&'v Map<String, Value>>,
    right: Option<&'v Map<String, Value>>,
) -> impl Iterator<Item = &'v str> {
    let only_left =
        left.into_iter().flatten().filter(move |(key, _)| right.is_none_or(|right| !right.contains_key(*key)));
    right.into_iter().flatten().chain(only_left).map(|(key, _)| key.as_str())
}

fn maps(item: Place, left: &Value, right: &Value) -> Found {
    let (left, right) = (left.as_object(), right.as_object());
    let mut found = Found::default();
    for name in names(left, right) {
        let (left, right) = (left.and_then(|map| map.get(name)), right.and_then(|map| map.get(name)));
        pair(&mut found, PathElement::Field(name.to_owned().into()), item, left, right);
    }
    found
}

fn lists(item: Place, left: &Value, right: &Value) -> Found {
    let mut items: BTreeMap<PathElement, [Vec<&Value>; 2]> = BTreeMap::new();
    for (side, list) in [left, right].into_iter().enumerate() {
        for value in list.as_array().into_iter().flatten() {
            if let Some(element) = element(item, value) {
                items.entry(element).or_default()[side].push(value);
            }
        }
    }
    let mut found = Found::default();
    for (element, [left, right]) in items {
        let place = item.below();
        match (&left[..], &right[..]) {
            ([] | [_], [] | [_]) => pair(&mut found, element, place, left.first().copied(), right.first().copied()),
            // Items of one name are one thing together.
            ([_, _, ..], [_, _, ..]) if left == right => {}
            ([_, _, ..], [_, _, ..]) => found.add(element, Found::member(MODIFIED)),
            ([_, _, ..], _) => {
                pair(&mut found, element.clone(), place, None, right.first().copied());
                found.add(element, Found::member(REMOVED));
            }
            _ => {
                pair(&mut found, element.clone(), place, left.first().copied(), None);
                found.add(element, Found::member(ADDED));
            }
        }
    }
    found
}

/// How an item of a set or keyed list is known.
pub(super) fn element(item: Place, value: &Value) -> Option<PathElement> {
    if item.keys().is_empty() {
        return (!value.is_null()).then(|| PathElement::Value(value.clone()));
    }
    item.key_of(value)
}

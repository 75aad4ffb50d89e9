//! What differs between two objects of a kind, field by field: added, modified, removed.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::path::PathElement;
use super::place::{Atom, Place, written};
use super::set::{FieldSet, Node};
use crate::schema::Type;

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

    fn leaf(left: Option<&Value>, right: Option<&Value>) -> Self {
        let mut found = Self::default();
        match (left, right) {
            (None, _) => found.members[ADDED] = true,
            (_, None) => found.members[REMOVED] = true,
            (left, right) => found.members[MODIFIED] = left != right,
        }
        found
    }
}

pub(super) fn compare(place: Place, left: &Value, right: &Value) -> Comparison {
    let [removed, modified, added] = walk(place, Some(left), Some(right)).nodes.map(FieldSet::of);
    Comparison { removed, modified, added }
}

fn walk(place: Place, left: Option<&Value>, right: Option<&Value>) -> Found {
    if left == right {
        return Found::default();
    }
    let mut found = match place.atom(right.filter(|right| !right.is_null()).or(left)) {
        Atom::Struct(object_type) if !(is_bare(left) && is_bare(right)) => structs(object_type, left, right),
        Atom::Map(item) if !(is_bare(left) && is_bare(right)) => maps(item, left, right),
        Atom::Set(item) | Atom::Keyed(item) if !(is_bare(left) && is_bare(right)) => lists(item, left, right),
        // An empty struct that stands for all its fields still has those that are always written.
        Atom::Struct(object_type) if left.is_none() || right.is_none() => structs(object_type, left, right),
        _ => return Found::leaf(left, right),
    };
    match (left, right) {
        (None, _) => found.members[ADDED] = true,
        (_, None) => found.members[REMOVED] = true,
        _ => {}
    }
    found
}

/// Nothing, null, or a list or map with nothing in it.
fn is_bare(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::Array(list)) => list.is_empty(),
        Some(Value::Object(map)) => map.is_empty(),
        Some(_) => false,
    }
}

fn structs(object_type: &'static Type, left: Option<&Value>, right: Option<&Value>) -> Found {
    let (left_map, right_map) = (left.and_then(Value::as_object), right.and_then(Value::as_object));
    let mut found = Found::default();
    let mut visit = |name: &str| {
        let Some(field) = object_type.field(name) else { return };
        let left = left_map.and_then(|map| map.get(name).or_else(|| written(field)));
        let right = right_map.and_then(|map| map.get(name).or_else(|| written(field)));
        if left.is_some() || right.is_some() {
            found.add(PathElement::Field(field.name.into()), walk(Place::field(field), left, right));
        }
    };
    names(left_map, right_map).for_each(&mut visit);
    if left_map.is_none() || right_map.is_none() {
        let present = left_map.or(right_map);
        let hidden =
            object_type.written_fields().filter(|field| present.is_some_and(|map| !map.contains_key(field.name)));
        hidden.for_each(|field| visit(field.name));
    }
    found
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

fn maps(item: Place, left: Option<&Value>, right: Option<&Value>) -> Found {
    let (left, right) = (left.and_then(Value::as_object), right.and_then(Value::as_object));
    let mut found = Found::default();
    for name in names(left, right) {
        let (left, right) = (left.and_then(|map| map.get(name)), right.and_then(|map| map.get(name)));
        found.add(PathElement::Field(name.to_owned().into()), walk(item, left, right));
    }
    found
}

fn lists(item: Place, left: Option<&Value>, right: Option<&Value>) -> Found {
    let mut items: BTreeMap<PathElement, [Vec<&Value>; 2]> = BTreeMap::new();
    for (side, list) in [left, right].into_iter().enumerate() {
        for value in list.and_then(Value::as_array).into_iter().flatten() {
            if let Some(element) = element(item, value) {
                items.entry(element).or_default()[side].push(value);
            }
        }
    }
    let mut found = Found::default();
    for (element, [left, right]) in items {
        let below = match (&left[..], &right[..]) {
            ([] | [_], [] | [_]) => walk(item.below(), left.first().copied(), right.first().copied()),
            // Items of one name are one thing together.
            ([_, _, ..], [_, _, ..]) => {
                let mut found = Found::default();
                found.members[MODIFIED] = left != right;
                found
            }
            ([_, _, ..], _) => {
                let mut found =
                    right.first().map_or_else(Found::default, |right| walk(item.below(), None, Some(right)));
                found.members[REMOVED] = true;
                found
            }
            _ => {
                let mut found = left.first().map_or_else(Found::default, |left| walk(item.below(), Some(left), None));
                found.members[ADDED] = true;
                found
            }
        };
        found.add(element, below);
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

//! An applied configuration laid over the live object: nothing is removed, the configuration wins.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Map, Value};

use super::compare::element;
use super::path::PathElement;
use super::place::{Atom, Place};

pub(super) fn merge(place: Place, live: &Value, config: &Value) -> Value {
    walk(place, Some(live), Some(config)).unwrap_or(Value::Null)
}

fn walk(place: Place, live: Option<&Value>, config: Option<&Value>) -> Option<Value> {
    if config.is_none() {
        return live.cloned();
    }
    let atom = place.atom(config.filter(|config| !config.is_null()).or(live));
    let bare = is_bare(live) && is_bare(config);
    match atom {
        Atom::Struct(object_type) if !bare => maps(live, config, |name| object_type.field(name)),
        Atom::Map(item) if !bare => maps(live, config, |_| Some(item)),
        Atom::Set(item) | Atom::Keyed(item) if !bare => lists(item, live, config),
        _ => config.or(live).cloned(),
    }
}

fn is_bare(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Array(list)) => list.is_empty(),
        Some(Value::Object(map)) => map.is_empty(),
        _ => true,
    }
}

fn maps<'s>(live: Option<&Value>, config: Option<&Value>, place: impl Fn(&str) -> Option<Place<'s>>) -> Option<Value> {
    let (live, config) = (live.and_then(Value::as_object), config.and_then(Value::as_object));
    let mut merged = Map::new();
    for name in live.into_iter().chain(config).flatten().map(|(name, _)| name) {
        if merged.contains_key(name) {
            continue;
        }
        let (live, config) = (live.and_then(|map| map.get(name)), config.and_then(|map| map.get(name)));
        let value = match place(name) {
            Some(place) => walk(place, live, config),
            None => config.or(live).cloned(),
        };
        merged.extend(value.map(|value| (name.clone(), value)));
    }
    (!merged.is_empty()).then_some(Value::Object(merged))
}

/// Items in the configuration's order; those that only the live list has keep their places between them.
fn lists(item: Place, live: Option<&Value>, config: Option<&Value>) -> Option<Value> {
    let (live, live_by_name) = indexed(item, live);
    let (config, config_by_name) = indexed(item, config);
    let mut shared: VecDeque<&PathElement> =
        config.iter().map(|(name, _)| name).filter(|name| live_by_name.contains_key(*name)).collect();
    let mut next_shared = shared.pop_front();
    let mut merged: Vec<Value> = Vec::with_capacity(live.len().max(config.len()));
    let mut done: BTreeSet<&PathElement> = BTreeSet::new();
    let (mut left, mut right) = (0, 0);
    while left < live.len() || right < config.len() {
        if let (Some((name, value)), Some((wanted, config))) = (live.get(left), config.get(right)) {
            if name == wanted {
                let own = live_by_name.get(name).copied().flatten().map(|_| *value);
                merged.extend(walk(item.below(), own, Some(config)));
                done.insert(name);
                (left, right, next_shared) = (left + 1, right + 1, shared.pop_front());
                continue;
            }
            if config_by_name.contains_key(name) && next_shared.is_some_and(|next| next != name) {
                // Shared, but its turn comes later.
                left += 1;
                continue;
            }
        }
        if let Some((name, value)) = live.get(left) {
            if !config_by_name.contains_key(name) {
                merged.push((*value).clone());
                left += 1;
                continue;
            }
            if done.contains(name) {
                left += 1;
            }
        }
        if let Some((name, value)) = config.get(right) {
            let own = live_by_name.get(name).copied().flatten();
            merged.extend(walk(item.below(), own, Some(value)));
            done.insert(name);
            right += 1;
            if next_shared == Some(name) {
                next_shared = shared.pop_front();
            }
        }
    }
    (!merged.is_empty()).then_some(Value::Array(merged))
}

type Named<'v> = Vec<(PathElement, &'v Value)>;

/// The items with their names, and the items by name: none for a name that several share.
fn indexed<'v>(item: Place<'_>, list: Option<&'v Value>) -> (Named<'v>, BTreeMap<PathElement, Option<&'v Value>>) {
    let values = list.and_then(Value::as_array).into_iter().flatten();
    let named: Named<'_> = values.filter_map(|value| Some((element(item, value)?, value))).collect();
    let mut by_name: BTreeMap<PathElement, Option<&Value>> = BTreeMap::new();
    for (name, value) in &named {
        by_name.entry(name.clone()).and_modify(|known| *known = None).or_insert(Some(value));
    }
    (named, by_name)
}

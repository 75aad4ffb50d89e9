//! Swagger documents of several servers made one, as kube-openapi's pkg/aggregator does: whose path comes first keeps it, definitions and
//! parameters of one name that differ get another name. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

const DEFINITIONS: &str = "#/definitions/";
const PARAMETERS: &str = "#/parameters/";
/// Definitions that differ in nothing else are one, and stand for the kinds of both.
const KINDS: &str = "x-kubernetes-group-version-kind";

type Members = Map<String, Value>;

fn members<'d>(document: &'d Value, field: &str) -> impl Iterator<Item = (&'d String, &'d Value)> {
    document[field].as_object().into_iter().flatten()
}

fn members_mut<'d>(document: &'d mut Value, field: &str) -> &'d mut Members {
    if !document[field].is_object() {
        document[field] = Value::Object(Map::new());
    }
    document[field].as_object_mut().expect("it was just made an object")
}

/// Names of the definitions that the paths lead to.
fn used(document: &Value) -> BTreeSet<String> {
    let (mut found, mut parameters) = (BTreeSet::new(), BTreeSet::new());
    let mut next = vec![&document["paths"]];
    while let Some(value) = next.pop() {
        match value {
            Value::Object(map) => {
                let reference = map.get("$ref").and_then(Value::as_str).unwrap_or_default();
                if let Some(name) = reference.strip_prefix(DEFINITIONS).filter(|name| found.insert((*name).to_owned()))
                {
                    next.push(&document["definitions"][name]);
                }
                if let Some(name) = reference.strip_prefix(PARAMETERS).filter(|name| parameters.insert(*name)) {
                    next.push(&document["parameters"][name]);
                }
                next.extend(map.values());
            }
            Value::Array(list) => next.extend(list),
            _ => {}
        }
    }
    found
}

/// The document with some of its paths, without the definitions that only the others used.
pub(super) fn filtered(mut document: Value, keep: impl Fn(&str) -> bool) -> Value {
    let before = used(&document);
    if let Some(paths) = document["paths"].as_object_mut() {
        paths.retain(|path, _| keep(path));
    }
    let after = used(&document);
    if let Some(definitions) = document["definitions"].as_object_mut() {
        definitions.retain(|name, _| after.contains(name) || !before.contains(name));
    }
    document
}

/// Adds what `source` has to a document.
pub(super) fn merge(document: &mut Value, source: &Value) {
    let has = |document: &Value, path: &str| document["paths"].get(path).is_some();
    let (taken, new): (Vec<_>, Vec<_>) = members(source, "paths").partition(|(path, _)| has(document, path));
    if new.is_empty() {
        return;
    }
    let mut source = match taken.is_empty() {
        true => source.clone(),
        false => filtered(source.clone(), |path| !has(document, path)),
    };
    let definitions = renames(&document["definitions"], &source["definitions"], equal_but_for_kinds);
    rename(&mut source, "definitions", DEFINITIONS, &definitions);
    let parameters = renames(&document["parameters"], &source["parameters"], Value::eq);
    rename(&mut source, "parameters", PARAMETERS, &parameters);
    for field in ["definitions", "parameters", "paths"] {
        let Some(more) = source[field].as_object_mut() else { continue };
        let all = members_mut(document, field);
        for (name, value) in std::mem::take(more) {
            match all.get_mut(&name) {
                Some(known) => add_kinds(known, &value),
                None => drop(all.insert(name, value)),
            }
        }
    }
}

/// New names for members of `source` that are something else in `document`: NAME_v2, or the next that is free or means the same.
fn renames(document: &Value, source: &Value, same: fn(&Value, &Value) -> bool) -> BTreeMap<String, String> {
    let mut renames = BTreeMap::new();
    let mut given = BTreeSet::new();
    for (name, value) in source.as_object().into_iter().flatten() {
        if document.get(name).is_none_or(|known| same(known, value)) {
            continue;
        }
        let numbered = |number: &u32| format!("{name}_v{number}");
        let known =
            (2..).map(|number| numbered(&number)).map_while(|name| document.get(&name).map(|known| (name, known)));
        let reused = known.into_iter().find(|(_, known)| same(known, value)).map(|(name, _)| name);
        let free = |name: &String| document.get(name).is_none() && source.get(name).is_none() && !given.contains(name);
        let new = reused.or_else(|| (2..).map(|number: u32| numbered(&number)).find(free));
        let Some(new) = new else { continue };
        given.insert(new.clone());
        renames.insert(name.clone(), new);
    }
    renames
}

fn rename(document: &mut Value, field: &str, prefix: &str, names: &BTreeMap<String, String>) {
    if names.is_empty() {
        return;
    }
    refer(document, prefix, names);
    let all = std::mem::take(members_mut(document, field));
    let renamed = all.into_iter().map(|(name, value)| (names.get(&name).cloned().unwrap_or(name), value));
    *members_mut(document, field) = renamed.collect();
}

/// Lets all references lead to the new names.
fn refer(value: &mut Value, prefix: &str, names: &BTreeMap<String, String>) {
    match value {
        Value::Object(map) => {
            let old = map.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix(prefix));
            if let Some(new) = old.and_then(|old| names.get(old)) {
                map.insert("$ref".to_owned(), format!("{prefix}{new}").into());
            }
            map.values_mut().for_each(|inner| refer(inner, prefix, names));
        }
        Value::Array(list) => list.iter_mut().for_each(|inner| refer(inner, prefix, names)),
        _ => {}
    }
}

fn equal_but_for_kinds(one: &Value, other: &Value) -> bool {
    let (Some(one), Some(other)) = (one.as_object(), other.as_object()) else { return one == other };
    let rest = |map: &Members| map.len() - usize::from(map.contains_key(KINDS));
    let equal = |(name, value): (&String, &Value)| name == KINDS || other.get(name) == Some(value);
    rest(one) == rest(other) && one.iter().all(equal)
}

/// The kinds that the other definition stands for, too.
fn add_kinds(known: &mut Value, other: &Value) {
    let Some(more) = other[KINDS].as_array() else { return };
    let mut kinds = known[KINDS].as_array().cloned().unwrap_or_default();
    for kind in more {
        if !kinds.contains(kind) {
            kinds.push(kind.clone());
        }
    }
    known[KINDS] = kinds.into();
}

//! Strategic merge: like a merge patch, but lists merge by key where the type says so, and directives in the patch say what else is meant.

use serde_json::{Map, Value};

use super::PatchError;
use super::level::{Level, Rule};
use super::order::{Identity, arrange};
use crate::schema::{TypeId, table};

pub(super) const PATCH: &str = "$patch";
pub(super) const RETAIN_KEYS: &str = "$retainKeys";
pub(super) const DELETE_FROM_PRIMITIVE_LIST: &str = "$deleteFromPrimitiveList/";
pub(super) const SET_ELEMENT_ORDER: &str = "$setElementOrder/";

type Object = Map<String, Value>;

pub(super) fn apply(root: TypeId, document: Object, patch: Object) -> Result<Object, PatchError> {
    merge_object(document, patch, Level::Struct(table().get(root)))
}

fn malformed(what: &str) -> PatchError {
    PatchError::Malformed(what.to_owned())
}

fn bad_retain_keys() -> PatchError {
    malformed("invalid patch format of retainKeys")
}

fn bad_order() -> PatchError {
    malformed("invalid patch format of setElementOrder list")
}

pub(super) fn merge_object(mut original: Object, mut patch: Object, level: Level) -> Result<Object, PatchError> {
    if let Some(directive) = patch.remove(PATCH) {
        return match directive.as_str() {
            Some("replace") => Ok(patch),
            Some("delete") => Ok(Object::new()),
            _ => Err(PatchError::Malformed(format!("unknown patch type: {} in map", plain(&directive)))),
        };
    }
    if let Some(keys) = patch.remove(RETAIN_KEYS) {
        retain_keys(&mut original, &patch, &keys)?;
    }
    set_element_orders(&mut original, &mut patch, level)?;
    for (key, change) in patch {
        match key.strip_prefix(DELETE_FROM_PRIMITIVE_LIST) {
            Some(field) => delete_from_primitive_list(&mut original, field, &change)?,
            None if key.starts_with("$deleteFromPrimitiveList") => {
                return Err(malformed("invalid patch format of primitive list"));
            }
            None => merge_field(&mut original, key, change, level)?,
        }
    }
    Ok(original)
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Keeps only the named keys; every key the patch sets must be among them.
fn retain_keys(original: &mut Object, patch: &Object, keys: &Value) -> Result<(), PatchError> {
    let Value::Array(keys) = keys else { return Err(bad_retain_keys()) };
    let named = |key: &str| keys.iter().any(|named| named == key);
    let is_directive = |key: &str| key.starts_with(DELETE_FROM_PRIMITIVE_LIST) || key.starts_with(SET_ELEMENT_ORDER);
    if patch.iter().any(|(key, value)| !value.is_null() && !is_directive(key) && !named(key)) {
        return Err(bad_retain_keys());
    }
    original.retain(|key, _| named(key));
    Ok(())
}

fn delete_from_primitive_list(original: &mut Object, field: &str, doomed: &Value) -> Result<(), PatchError> {
    let Value::Array(doomed) = doomed else { return Ok(()) };
    match original.get_mut(field) {
        Some(Value::Array(list)) if list.iter().any(|item| item.is_object() || item.is_array()) => {
            Err(malformed("invalid patch format of primitive list"))
        }
        Some(Value::Array(list)) => {
            list.retain(|item| !doomed.contains(item));
            Ok(())
        }
        _ => Ok(()),
    }
}

fn merge_field(original: &mut Object, key: String, change: Value, level: Level) -> Result<(), PatchError> {
    if change.is_null() {
        original.remove(&key);
        return Ok(());
    }
    let rule = level.rule(&key);
    let value = match (original.remove(&key), change) {
        (Some(Value::Object(_)), Value::Object(patch)) if rule.replaces => Some(Value::Object(patch)),
        (Some(Value::Object(before)), Value::Object(patch)) => {
            Some(Value::Object(merge_object(before, patch, rule.level)?))
        }
        (Some(Value::Array(before)), Value::Array(patch)) => Some(Value::Array(merge_lists(before, patch, &rule)?)),
        (Some(before), change) if same_type(&before, &change) => Some(change),
        (_, mut change) => {
            discard_nulls(&mut change);
            without_directives(change)
        }
    };
    original.extend(value.map(|value| (key, value)));
    Ok(())
}

fn same_type(left: &Value, right: &Value) -> bool {
    std::mem::discriminant(left) == std::mem::discriminant(right)
}

/// Nulls in what is new delete nothing and are dropped.
fn discard_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(discard_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(discard_nulls),
        _ => {}
    }
}

/// What is left of a new value: objects with a `$patch` vanish, other directives have nothing to work on.
fn without_directives(value: Value) -> Option<Value> {
    match value {
        Value::Object(map) if map.contains_key(PATCH) => None,
        Value::Object(map) => {
            let fields = map.into_iter().filter(|(key, _)| !is_directive(key));
            let kept = fields.filter_map(|(key, value)| Some((key, without_directives(value)?)));
            Some(Value::Object(kept.collect()))
        }
        Value::Array(list) => Some(Value::Array(list.into_iter().filter_map(without_directives).collect())),
        other => Some(other),
    }
}

fn is_directive(key: &str) -> bool {
    key == RETAIN_KEYS || key.starts_with(DELETE_FROM_PRIMITIVE_LIST) || key.starts_with(SET_ELEMENT_ORDER)
}

fn merge_lists(original: Vec<Value>, patch: Vec<Value>, rule: &Rule) -> Result<Vec<Value>, PatchError> {
    if !rule.merges_list {
        return Ok(patch);
    }
    match items_are_objects(&original, &patch)? {
        None => Ok(original),
        Some(false) => {
            let mut merged = original.clone();
            merged.extend(patch.iter().filter(|item| !original.contains(item)).cloned());
            let merged = distinct(merged);
            Ok(arrange(merged, &patch, &original, Identity { merge_key: None }))
        }
        Some(true) => merge_objects(original, patch, rule),
    }
}

/// Whether the items of both lists are objects; `None` when there are no items.
fn items_are_objects(left: &[Value], right: &[Value]) -> Result<Option<bool>, PatchError> {
    let mut kind = None;
    for item in left.iter().chain(right) {
        let is_object = item.is_object();
        if item.is_array() {
            return Err(PatchError::Inapplicable("lists of lists are not supported".to_owned()));
        }
        if kind.is_some_and(|kind| kind != is_object) {
            return Err(malformed("list element types are not identical"));
        }
        kind = Some(is_object);
    }
    Ok(kind)
}

fn distinct(list: Vec<Value>) -> Vec<Value> {
    let mut seen = Vec::with_capacity(list.len());
    for item in list {
        if !seen.contains(&item) {
            seen.push(item);
        }
    }
    seen
}

fn merge_objects(mut original: Vec<Value>, patch: Vec<Value>, rule: &Rule) -> Result<Vec<Value>, PatchError> {
    let Some(merge_key) = rule.merge_key else {
        return Err(malformed("cannot merge lists without merge key"));
    };
    let (directives, plain_items): (Vec<Value>, Vec<Value>) =
        patch.into_iter().partition(|item| item.get(PATCH).is_some());
    let mut replaces = false;
    for directive in directives {
        match directive[PATCH].as_str() {
            Some("delete") => {
                let doomed = directive.get(merge_key).ok_or_else(|| no_merge_key(&directive, merge_key))?;
                original.retain(|item| item.get(merge_key) != Some(doomed));
            }
            Some("replace") => replaces = true,
            Some("merge") => return Err(malformed("merging lists cannot yet be specified in the patch")),
            _ => {
                return Err(PatchError::Malformed(format!("unknown patch type: {} in map", plain(&directive[PATCH]))));
            }
        }
    }
    if replaces {
        return Ok(plain_items);
    }
    let mut merged = original.clone();
    for item in &plain_items {
        if item.get(merge_key).is_none() {
            return Err(no_merge_key(item, merge_key));
        }
        match (rule.identity().position(&merged, item), item) {
            (Some(index), Value::Object(change)) => {
                let Value::Object(before) = merged[index].take() else {
                    return Err(malformed("expected a map in a list to merge"));
                };
                merged[index] = Value::Object(merge_object(before, change.clone(), rule.level)?);
            }
            _ => merged.extend(without_directives(item.clone())),
        }
    }
    // A replaced or deleted item may have lost its key, and with it its place.
    if let Some(item) = merged.iter().find(|item| item.get(merge_key).is_none()) {
        return Err(no_merge_key(item, merge_key));
    }
    Ok(arrange(merged, &plain_items, &original, rule.identity()))
}

fn no_merge_key(item: &Value, merge_key: &str) -> PatchError {
    PatchError::Malformed(format!("map: {item} does not contain declared merge key: {merge_key}"))
}

/// Handles the `$setElementOrder` directives and the lists they order, taking both out of the patch.
fn set_element_orders(original: &mut Object, patch: &mut Object, level: Level) -> Result<(), PatchError> {
    if patch.keys().any(|key| key == "$setElementOrder") {
        return Err(bad_order());
    }
    let directives: Vec<String> = patch.keys().filter(|key| key.starts_with(SET_ELEMENT_ORDER)).cloned().collect();
    for directive in directives {
        let Some(Value::Array(order)) = patch.remove(&directive) else { return Err(bad_order()) };
        let field = &directive[SET_ELEMENT_ORDER.len()..];
        let rule = level.rule(field);
        let change = list(patch.remove(field))?;
        let before = list(original.get(field).cloned())?;
        check_order(change.as_deref().unwrap_or_default(), &order, &rule)?;
        let merged = match (before.clone(), change) {
            (None, None) => continue,
            (Some(before), None) => before,
            (None, Some(change)) => change.into_iter().filter_map(without_directives).collect(),
            (Some(before), Some(change)) => merge_lists(before, change, &rule)?,
        };
        let arranged = arrange(merged, &order, before.as_deref().unwrap_or_default(), rule.identity());
        original.insert(field.to_owned(), Value::Array(arranged));
    }
    Ok(())
}

fn list(value: Option<Value>) -> Result<Option<Vec<Value>>, PatchError> {
    match value {
        None => Ok(None),
        Some(Value::Array(list)) => Ok(Some(list)),
        Some(_) => Err(bad_order()),
    }
}

/// The items of the patch must come in the order that is asked for.
fn check_order(items: &[Value], order: &[Value], rule: &Rule) -> Result<(), PatchError> {
    if items.is_empty() || order.is_empty() {
        return Ok(());
    }
    if let Some(key) = rule.merge_key
        && let Some(item) = items.iter().chain(order).find(|item| item.get(key).is_none())
    {
        return Err(no_merge_key(item, key));
    }
    let mut wanted = order.iter();
    let identity = rule.identity();
    let in_order = items
        .iter()
        .filter(|item| item.get(PATCH).is_none())
        .all(|item| wanted.any(|wanted| identity.of(wanted) == identity.of(item)));
    if in_order { Ok(()) } else { Err(malformed("The order in patch list doesn't match $setElementOrder list")) }
}

//! JSON patch with the ways of the library upstream uses: negative list indexes, `test` of something missing against null, its messages.

use serde_json::Value;

use super::{MAX_COPIED_BYTES, MAX_JSON_PATCH_OPERATIONS, PatchError};

const MISSING: &str = "missing value";

pub(super) fn apply(mut document: Value, patch: &Value) -> Result<Value, PatchError> {
    let Value::Array(operations) = patch else {
        return Err(PatchError::Malformed("a JSON patch is a list of operations".to_owned()));
    };
    if operations.len() > MAX_JSON_PATCH_OPERATIONS {
        return Err(PatchError::TooManyOperations(operations.len()));
    }
    let mut copied = 0;
    for operation in operations {
        if !operation.is_object() {
            return Err(PatchError::Malformed(format!("a JSON patch operation is an object, not {operation}")));
        }
        perform(&mut document, operation, &mut copied)?;
    }
    Ok(document)
}

fn inapplicable(message: String) -> PatchError {
    PatchError::Inapplicable(message)
}

fn perform(document: &mut Value, operation: &Value, copied: &mut usize) -> Result<(), PatchError> {
    let text = |key: &str| operation.get(key).and_then(Value::as_str);
    let kind = text("op").unwrap_or("unknown");
    let path =
        text("path").ok_or_else(|| inapplicable(format!("{kind} operation failed to decode path: {MISSING}")))?;
    let value = || operation.get("value").cloned().unwrap_or(Value::Null);
    let from =
        || text("from").ok_or_else(|| inapplicable(format!("{kind} operation failed to decode from: {MISSING}")));
    match kind {
        "add" => add(document, "add", path, value()),
        "remove" => remove(document, "remove", path).map(drop),
        "replace" => replace(document, path, value()),
        "test" => test(document, path, &value()),
        "move" => {
            let moved = remove(document, "move", from()?)?;
            add(document, "move", path, moved)
        }
        "copy" => {
            let value = get(document, "copy", from()?)?;
            *copied += value.to_string().len();
            if *copied > MAX_COPIED_BYTES {
                return Err(inapplicable(format!(
                    "Unable to complete the copy, the accumulated size increase of copy is {copied}, exceeding the limit {MAX_COPIED_BYTES}"
                )));
            }
            add(document, "copy", path, value)
        }
        other => Err(inapplicable(format!("Unexpected kind: {other}"))),
    }
}

/// The container a path ends in and the last token; `None` when it is not there.
fn container<'v>(document: &'v mut Value, path: &str) -> Option<(&'v mut Value, String)> {
    let mut tokens: Vec<String> = path.split('/').map(|token| token.replace("~1", "/").replace("~0", "~")).collect();
    if tokens.len() < 2 {
        return None;
    }
    let last = tokens.pop()?;
    let mut place = document;
    for token in &tokens[1..] {
        place = step(place, token)?;
    }
    matches!(place, Value::Object(_) | Value::Array(_)).then_some((place, last))
}

fn step<'v>(place: &'v mut Value, token: &str) -> Option<&'v mut Value> {
    match place {
        Value::Object(map) => map.get_mut(token),
        Value::Array(list) => {
            let index = existing_index(list.len(), token).ok()?;
            list.get_mut(index)
        }
        _ => None,
    }
}

/// The index a token names among `length` items; negative ones count from the end.
fn existing_index(length: usize, token: &str) -> Result<usize, String> {
    let index: i64 = token.parse().map_err(|_| {
        format!("value was not a proper array index: '{token}': strconv.Atoi: parsing {token:?}: invalid syntax")
    })?;
    let size = i64::try_from(length).unwrap_or(i64::MAX);
    let index_from_start = if index < 0 { index + size } else { index };
    if (0..size).contains(&index_from_start) {
        Ok(index_from_start as usize)
    } else {
        Err(format!("Unable to access invalid index: {index}: invalid index referenced"))
    }
}

fn missing_path(kind: &str, path: &str) -> PatchError {
    match kind {
        "test" => inapplicable(format!("test operation does not apply: is missing path: {path}: {MISSING}")),
        "replace" => inapplicable(format!("replace operation does not apply: doc is missing path: {path}: {MISSING}")),
        _ => inapplicable(format!("{kind} operation does not apply: doc is missing path: \"{path}\": {MISSING}")),
    }
}

fn add(document: &mut Value, kind: &str, path: &str, value: Value) -> Result<(), PatchError> {
    let Some((place, token)) = container(document, path) else { return Err(missing_path(kind, path)) };
    let failed = |why: String| inapplicable(format!("error in {kind} for path: '{path}': {why}"));
    match place {
        Value::Object(map) => {
            map.insert(token, value);
        }
        Value::Array(list) if token == "-" => list.push(value),
        Value::Array(list) => {
            // One more place than there are items.
            let index = existing_index(list.len() + 1, &token).map_err(failed)?;
            list.insert(index, value);
        }
        _ => return Err(missing_path(kind, path)),
    }
    Ok(())
}

fn remove(document: &mut Value, kind: &str, path: &str) -> Result<Value, PatchError> {
    let Some((place, token)) = container(document, path) else { return Err(missing_path(kind, path)) };
    // The library names the whole path when removing and the last token when moving.
    let named = if kind == "move" { token.clone() } else { path.to_owned() };
    let failed = |why: String| inapplicable(format!("error in {kind} for path: '{named}': {why}"));
    match place {
        Value::Object(map) => match map.remove(&token) {
            Some(value) => Ok(value),
            None => Err(failed(format!("Unable to remove nonexistent key: {token}: {MISSING}"))),
        },
        Value::Array(list) => {
            let index = existing_index(list.len(), &token).map_err(failed)?;
            Ok(list.remove(index))
        }
        _ => Err(missing_path(kind, path)),
    }
}

/// A missing key of an object reads as null, as upstream's library has it.
fn get(document: &mut Value, kind: &str, path: &str) -> Result<Value, PatchError> {
    let Some((place, token)) = container(document, path) else { return Err(missing_path(kind, path)) };
    let is_list = place.is_array();
    match step(place, &token) {
        Some(value) => Ok(value.clone()),
        None if is_list => Err(inapplicable(format!("error in {kind} for path: '{token}': {MISSING}"))),
        None => Ok(Value::Null),
    }
}

/// A missing key of an object is added: upstream's library does not mind.
fn replace(document: &mut Value, path: &str, value: Value) -> Result<(), PatchError> {
    let Some((place, token)) = container(document, path) else { return Err(missing_path("replace", path)) };
    if let Value::Object(map) = place {
        map.insert(token, value);
        return Ok(());
    }
    match step(place, &token) {
        Some(old) => {
            *old = value;
            Ok(())
        }
        None => Err(inapplicable(format!("replace operation does not apply: doc is missing key: {path}: {MISSING}"))),
    }
}

fn test(document: &mut Value, path: &str, expected: &Value) -> Result<(), PatchError> {
    let Some((place, token)) = container(document, path) else { return Err(missing_path("test", path)) };
    let actual = step(place, &token).map_or(&Value::Null, |value| &*value);
    if same(actual, expected) { Ok(()) } else { Err(inapplicable(format!("testing value {path} failed: test failed"))) }
}

/// Equality of JSON: numbers by value.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(l), Value::Number(r)) => l == r || l.as_f64() == r.as_f64(),
        (Value::Array(l), Value::Array(r)) => l.len() == r.len() && l.iter().zip(r).all(|(l, r)| same(l, r)),
        (Value::Object(l), Value::Object(r)) => {
            l.len() == r.len() && l.iter().all(|(key, value)| r.get(key).is_some_and(|other| same(value, other)))
        }
        _ => left == right,
    }
}

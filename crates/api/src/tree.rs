//! Reading and changing places of a JSON tree. Paths are field names joined by dots; what is missing reads as null, empty or nothing.

use serde_json::{Map, Value};

/// The value at `path`, null when any part of the way is missing.
pub(crate) fn at<'a>(tree: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(tree, |tree, field| tree.get(field).unwrap_or(&Value::Null))
}

/// The text at `path`.
pub(crate) fn text<'a>(tree: &'a Value, path: &str) -> &'a str {
    at(tree, path).as_str().unwrap_or_default()
}

/// The number at `path`.
pub(crate) fn int(tree: &Value, path: &str) -> Option<i64> {
    at(tree, path).as_i64()
}

/// The flag at `path`, false when it is missing.
pub(crate) fn flag(tree: &Value, path: &str) -> bool {
    at(tree, path).as_bool().unwrap_or_default()
}

/// The list at `path`.
pub(crate) fn items<'a>(tree: &'a Value, path: &str) -> &'a [Value] {
    at(tree, path).as_array().map_or(&[], Vec::as_slice)
}

/// The map at `path`.
pub(crate) fn entries<'a>(tree: &'a Value, path: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    at(tree, path).as_object().into_iter().flatten()
}

/// Number of entries of a map or items of a list.
pub(crate) fn len(tree: &Value) -> usize {
    tree.as_array().map(Vec::len).or_else(|| tree.as_object().map(Map::len)).unwrap_or_default()
}

/// The value at `path` if the whole way is there.
pub(crate) fn at_mut<'a>(tree: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    path.split('.').try_fold(tree, |tree, field| tree.get_mut(field)).filter(|value| !value.is_null())
}

/// The items of the list at `path`.
pub(crate) fn items_mut<'a>(tree: &'a mut Value, path: &str) -> impl Iterator<Item = &'a mut Value> {
    at_mut(tree, path).and_then(Value::as_array_mut).into_iter().flatten()
}

/// The map at `path`, made with all maps on the way.
pub(crate) fn map_mut<'a>(tree: &'a mut Value, path: &str) -> &'a mut Map<String, Value> {
    let place = path.split('.').fold(tree, |tree, field| as_map(tree).entry(field).or_insert(Value::Null));
    as_map(place)
}

/// The tree itself as a map; anything else becomes an empty one.
pub(crate) fn as_map(tree: &mut Value) -> &mut Map<String, Value> {
    if !tree.is_object() {
        *tree = Value::Object(Map::new());
    }
    tree.as_object_mut().expect("just made an object")
}

/// Sets `field` unless it is there (null and an empty text count as missing).
pub(crate) fn default(tree: &mut Value, field: &str, value: impl Into<Value>) {
    let Some(map) = tree.as_object_mut() else { return };
    let missing = map.get(field).is_none_or(|value| value.is_null() || value.as_str() == Some(""));
    if missing {
        map.insert(field.to_owned(), value.into());
    }
}

/// Like `default`; zero counts as missing too.
pub(crate) fn default_number(tree: &mut Value, field: &str, value: i64) {
    if tree.get(field).and_then(Value::as_i64) == Some(0) {
        remove(tree, field);
    }
    default(tree, field, value);
}

/// Sets `field` of a map.
pub(crate) fn set(tree: &mut Value, field: &str, value: impl Into<Value>) {
    as_map(tree).insert(field.to_owned(), value.into());
}

/// Takes `field` out of a map.
pub(crate) fn remove(tree: &mut Value, field: &str) -> Option<Value> {
    tree.as_object_mut()?.remove(field)
}

/// Makes `field` what it is in `old`.
pub(crate) fn keep(new: &mut Value, old: &Value, field: &str) {
    match old.get(field) {
        Some(value) => set(new, field, value.clone()),
        None => drop(remove(new, field)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn missing_places_read_as_nothing() {
        let tree = json!({"a": {"b": [1, 2], "c": "x", "d": true}});
        assert_eq!((text(&tree, "a.c"), text(&tree, "a.x.y")), ("x", ""));
        assert_eq!((items(&tree, "a.b").len(), items(&tree, "a.z").len(), len(at(&tree, "a"))), (2, 0, 3));
        assert!(flag(&tree, "a.d") && !flag(&tree, "a.e") && int(&tree, "a.b").is_none());
    }

    #[test]
    fn defaults_fill_gaps_only() {
        let mut tree = json!({"a": "", "b": 0, "c": false, "d": null});
        default(&mut tree, "a", "x");
        default(&mut tree, "b", 5);
        default(&mut tree, "c", true);
        default(&mut tree, "d", 1);
        assert_eq!(tree, json!({"a": "x", "b": 0, "c": false, "d": 1}));
        default_number(&mut tree, "b", 7);
        map_mut(&mut tree, "e.f").insert("g".into(), json!(1));
        assert_eq!(tree, json!({"a": "x", "b": 7, "c": false, "d": 1, "e": {"f": {"g": 1}}}));
    }
}

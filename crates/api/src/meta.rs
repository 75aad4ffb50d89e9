//! Access to `metadata` (and a few words at the top) of an object's JSON tree. Absent fields read as empty.

use serde_json::{Map, Value};

fn metadata<'a>(object: &'a Value, field: &str) -> &'a Value {
    object.get("metadata").and_then(|metadata| metadata.get(field)).unwrap_or(&Value::Null)
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    metadata(object, field).as_str().unwrap_or_default()
}

/// The metadata, made when it is missing. An object that is no JSON object becomes one: decoding has refused those before.
pub fn metadata_mut(object: &mut Value) -> &mut Map<String, Value> {
    child_mut(as_map(object), "metadata")
}

fn as_map(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("just made an object")
}

/// The object at `field`, made when it is missing.
pub fn child_mut<'a>(map: &'a mut Map<String, Value>, field: &str) -> &'a mut Map<String, Value> {
    as_map(map.entry(field).or_insert(Value::Null))
}

pub fn api_version(object: &Value) -> &str {
    object.get("apiVersion").and_then(Value::as_str).unwrap_or_default()
}

pub fn kind(object: &Value) -> &str {
    object.get("kind").and_then(Value::as_str).unwrap_or_default()
}

/// Group and version of an apiVersion: `apps/v1` is `("apps", "v1")`, `v1` is `("", "v1")`.
pub fn group_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

pub fn name(object: &Value) -> &str {
    text(object, "name")
}

pub fn generate_name(object: &Value) -> &str {
    text(object, "generateName")
}

pub fn namespace(object: &Value) -> &str {
    text(object, "namespace")
}

pub fn uid(object: &Value) -> &str {
    text(object, "uid")
}

pub fn resource_version(object: &Value) -> &str {
    text(object, "resourceVersion")
}

pub fn generation(object: &Value) -> i64 {
    metadata(object, "generation").as_i64().unwrap_or(0)
}

pub fn creation_timestamp(object: &Value) -> Option<&str> {
    metadata(object, "creationTimestamp").as_str()
}

/// Set once the object is being deleted.
pub fn deletion_timestamp(object: &Value) -> Option<&str> {
    metadata(object, "deletionTimestamp").as_str()
}

pub fn deletion_grace_period_seconds(object: &Value) -> Option<i64> {
    metadata(object, "deletionGracePeriodSeconds").as_i64()
}

pub fn labels(object: &Value) -> Option<&Map<String, Value>> {
    metadata(object, "labels").as_object()
}

pub fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    labels(object)?.get(key)?.as_str()
}

pub fn annotations(object: &Value) -> Option<&Map<String, Value>> {
    metadata(object, "annotations").as_object()
}

pub fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    annotations(object)?.get(key)?.as_str()
}

pub fn owner_references(object: &Value) -> &[Value] {
    metadata(object, "ownerReferences").as_array().map_or(&[], Vec::as_slice)
}

/// The owner that manages the object.
pub fn controller(object: &Value) -> Option<&Value> {
    owner_references(object).iter().find(|owner| owner.get("controller") == Some(&Value::Bool(true)))
}

pub fn finalizers(object: &Value) -> impl Iterator<Item = &str> {
    metadata(object, "finalizers").as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// Sets a field of the metadata.
pub fn set(object: &mut Value, field: &str, value: impl Into<Value>) {
    metadata_mut(object).insert(field.to_owned(), value.into());
}

/// Removes a field of the metadata.
pub fn remove(object: &mut Value, field: &str) -> Option<Value> {
    object.get_mut("metadata")?.as_object_mut()?.remove(field)
}

pub fn set_name(object: &mut Value, name: &str) {
    set(object, "name", name);
}

pub fn set_namespace(object: &mut Value, namespace: &str) {
    set(object, "namespace", namespace);
}

pub fn set_uid(object: &mut Value, uid: &str) {
    set(object, "uid", uid);
}

pub fn set_resource_version(object: &mut Value, resource_version: &str) {
    set(object, "resourceVersion", resource_version);
}

pub fn set_generation(object: &mut Value, generation: i64) {
    set(object, "generation", generation);
}

pub fn set_label(object: &mut Value, key: &str, value: &str) {
    child_mut(metadata_mut(object), "labels").insert(key.to_owned(), value.into());
}

pub fn set_annotation(object: &mut Value, key: &str, value: &str) {
    child_mut(metadata_mut(object), "annotations").insert(key.to_owned(), value.into());
}

/// Replaces the finalizers; none at all removes the field.
pub fn set_finalizers(object: &mut Value, finalizers: Vec<String>) {
    if finalizers.is_empty() {
        remove(object, "finalizers");
    } else {
        set(object, "finalizers", finalizers);
    }
}

pub fn set_owner_references(object: &mut Value, owners: Vec<Value>) {
    if owners.is_empty() {
        remove(object, "ownerReferences");
    } else {
        set(object, "ownerReferences", owners);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn absent_metadata_reads_as_empty() {
        let object = json!({"kind": "Pod"});
        assert_eq!((name(&object), namespace(&object), uid(&object)), ("", "", ""));
        assert_eq!((generation(&object), deletion_timestamp(&object)), (0, None));
        assert!(
            labels(&object).is_none() && owner_references(&object).is_empty() && finalizers(&object).next().is_none()
        );
    }

    #[test]
    fn setters_make_what_is_missing() {
        let mut object = json!({});
        set_name(&mut object, "web");
        set_label(&mut object, "app", "web");
        set_annotation(&mut object, "note", "x");
        set_finalizers(&mut object, vec!["foregroundDeletion".into()]);
        assert_eq!(
            object,
            json!({"metadata": {"name": "web", "labels": {"app": "web"}, "annotations": {"note": "x"}, "finalizers": ["foregroundDeletion"]}})
        );
        set_finalizers(&mut object, vec![]);
        assert_eq!(remove(&mut object, "labels"), Some(json!({"app": "web"})));
        assert_eq!(object, json!({"metadata": {"name": "web", "annotations": {"note": "x"}}}));
    }

    #[test]
    fn versions_split_at_the_slash() {
        assert_eq!(group_version("apps/v1"), ("apps", "v1"));
        assert_eq!(group_version("v1"), ("", "v1"));
    }
}

//! metadata as the server keeps it: what it sets, what a client may not change, names, generation.

use api::env::Env;
use api::kind::Kind;
use serde_json::{Map, Value};

use crate::objects::timestamp;
use crate::status::Status;

/// A text field of metadata, empty when absent.
pub(super) fn text<'v>(object: &'v Value, field: &str) -> &'v str {
    object["metadata"][field].as_str().unwrap_or_default()
}

/// metadata as a map; made when it is missing.
pub(super) fn map(object: &mut Value) -> &mut Map<String, Value> {
    let metadata = &mut object["metadata"];
    if !metadata.is_object() {
        *metadata = Value::Object(Map::new());
    }
    metadata.as_object_mut().expect("made above")
}

/// The body's namespace must be the path's; outside namespaces there is none.
pub(super) fn place(kind: &Kind, namespace: &str, object: &mut Value) -> Result<(), Status> {
    let given = text(object, "namespace");
    if kind.namespaced && !given.is_empty() && given != namespace {
        let text = "the namespace of the provided object does not match the namespace sent on the request";
        return Err(Status::bad_request(text));
    }
    let metadata = map(object);
    if kind.namespaced {
        metadata.insert("namespace".to_owned(), namespace.into());
    } else {
        metadata.remove("namespace");
    }
    Ok(())
}

/// The name in a PUT's or PATCH's object must be the path's.
pub(super) fn check_name(name: &str, object: &mut Value) -> Result<(), Status> {
    let given = text(object, "name");
    if given.is_empty() {
        map(object).insert("name".to_owned(), name.into());
    } else if given != name {
        return Err(Status::bad_request(format!(
            "the name of the object ({given}) does not match the name on the URL ({name})"
        )));
    }
    Ok(())
}

/// A new object has no resourceVersion.
pub(super) fn refuse_version(object: &Value) -> Result<(), Status> {
    if text(object, "resourceVersion").is_empty() {
        return Ok(());
    }
    let mut status = Status::internal("");
    status.message = "resourceVersion should not be set on objects to be created".to_owned();
    status.details = None;
    Err(status)
}

/// The base cut so that base and suffix fit into 63 characters, as upstream's name generator does.
pub(super) fn generate_name(base: &str, env: &Env) -> String {
    const SUFFIX: usize = 5;
    let base: String = base.chars().take(63 - SUFFIX).collect();
    format!("{base}{}", env.name_suffix(SUFFIX))
}

/// What the server sets on every new object and what a client may not bring.
pub(super) fn begin(kind: &Kind, object: &mut Value, env: &Env) {
    let metadata = map(object);
    for field in ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "generation", "resourceVersion"] {
        metadata.remove(field);
    }
    metadata.insert("uid".to_owned(), env.uuid().into());
    metadata.insert("creationTimestamp".to_owned(), timestamp(env.now()).into());
    for finalizer in kind.hooks.initial_finalizers {
        let list = metadata.entry("finalizers").or_insert_with(|| Value::Array(Vec::new()));
        if let Some(list) = list.as_array_mut().filter(|list| !list.iter().any(|known| known == finalizer)) {
            list.push((*finalizer).into());
        }
    }
}

/// A counted spec starts at generation 1.
pub(super) fn begin_generation(kind: &Kind, object: &mut Value) {
    if kind.hooks.has_generation {
        map(object).insert("generation".to_owned(), 1.into());
    }
}

/// Keeps what an update may not touch; managedFields are `ownership`'s.
pub(super) fn keep(new: &mut Value, old: &Value) {
    let metadata = map(new);
    metadata.remove("selfLink");
    if metadata.get("uid").and_then(Value::as_str).is_none_or(str::is_empty) {
        metadata.remove("uid");
    }
    let kept = ["creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"];
    for field in kept.iter().chain(if metadata.contains_key("uid") { None } else { Some(&"uid") }) {
        match old["metadata"].get(*field) {
            Some(value) => metadata.insert((*field).to_owned(), value.clone()),
            None => metadata.remove(*field),
        };
    }
}

/// Counts a change of anything but metadata and status, unless the kind's own hook has counted it.
pub(super) fn count_generation(kind: &Kind, new: &mut Value, old: &Value) {
    let before = old["metadata"]["generation"].as_i64().unwrap_or(0);
    let counted = new["metadata"]["generation"].as_i64().unwrap_or(0) > before;
    if kind.hooks.has_generation && !counted && desired(kind, new) != desired(kind, old) {
        map(new).insert("generation".to_owned(), (before + 1).into());
    }
}

/// Everything that is neither metadata nor a status that is written by itself.
fn desired<'v>(kind: &Kind, object: &'v Value) -> Vec<(&'v String, &'v Value)> {
    let own_status = kind.hooks.has_status || !kind.hooks.custom;
    let fields = object.as_object().into_iter().flatten();
    fields
        .filter(|(key, _)| match key.as_str() {
            "metadata" | "apiVersion" | "kind" => false,
            "status" => !own_status,
            _ => true,
        })
        .collect()
}

/// The finalizers an object has.
pub(super) fn finalizers(object: &Value) -> Vec<&str> {
    object["metadata"]["finalizers"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

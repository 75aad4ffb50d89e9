//! The three patches of a PATCH request, on trees: JSON patch (RFC 6902), merge patch (RFC 7386), strategic merge patch, and the diff that
//! makes such a patch. Server-side apply is not among them. Errors say which answer upstream gives.

mod json;
mod level;
mod order;
mod strategic;
mod three_way;

use serde_json::{Map, Value};

use crate::schema::{Schema, table};

/// Upstream's limit for one JSON patch.
pub const MAX_JSON_PATCH_OPERATIONS: usize = 10_000;
/// Bytes that the copies of one JSON patch may add; upstream's default.
pub const MAX_COPIED_BYTES: usize = 3 * 1024 * 1024;

/// Why a patch was not applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The patch is no patch: 400 BadRequest.
    #[error("{0}")]
    Malformed(String),
    /// The patch does not fit this object: 422.
    #[error("{0}")]
    Inapplicable(String),
    /// Too many operations: 413 RequestEntityTooLarge.
    #[error("The allowed maximum operations in a JSON patch is {MAX_JSON_PATCH_OPERATIONS}, got {0}")]
    TooManyOperations(usize),
    /// Strategic merge of something without a Go struct upstream (custom resources): 415.
    #[error("strategic merge patch format is not supported")]
    Unsupported,
}

/// Applies a JSON patch; nothing is kept of a patch that fails.
pub fn json_patch(document: Value, patch: &Value) -> Result<Value, PatchError> {
    json::apply(document, patch)
}

/// Applies a merge patch: objects merge, null deletes, everything else replaces.
pub fn merge_patch(document: Value, patch: &Value) -> Result<Value, PatchError> {
    if !patch.is_object() {
        return Err(PatchError::Malformed("Invalid JSON Patch".to_owned()));
    }
    Ok(merged(document, patch))
}

fn merged(document: Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else { return patch.clone() };
    let mut map = match document {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    for (key, change) in patch {
        match change {
            Value::Null => {
                map.remove(key);
            }
            change => {
                let before = map.remove(key).unwrap_or(Value::Null);
                map.insert(key.clone(), merged(before, change));
            }
        }
    }
    Value::Object(map)
}

/// Applies a strategic merge patch along the merge keys of the kind's schema, with all its directives.
pub fn strategic_merge(schema: &Schema, document: Value, patch: Value) -> Result<Value, PatchError> {
    let root = schema.type_id().ok_or(PatchError::Unsupported)?;
    match (document, patch) {
        (Value::Object(document), Value::Object(patch)) => strategic::apply(root, document, patch).map(Value::Object),
        _ => Err(PatchError::Malformed("invalid JSON document".to_owned())),
    }
}

/// The patch that brings `live` to `wanted`: deletes what `last` had and `wanted` has not, leaves alone what only `live` has. A strategic
/// merge patch along the schema, a merge patch where there is none; `{}` where nothing is to be done.
pub fn three_way(schema: Option<&Schema>, last: &Value, live: &Value, wanted: &Value) -> Result<Value, PatchError> {
    let root = schema.and_then(Schema::type_id);
    let level = root.map_or(level::Level::Free, |id| level::Level::Struct(table().get(id)));
    let [last, live, wanted] = [last, live, wanted].map(three_way::fields);
    three_way::object(level, &last, &live, &wanted).map(Value::Object)
}

#[cfg(test)]
mod tests;

//! Which patch `apply` and `edit` send: strategic for built-in kinds, a plain merge patch for all others.

use client::PatchKind;
use serde_json::Value;

use crate::error::{Error, Result};

/// The patch for an object of `wanted`'s kind; `{}` where nothing is to be done.
pub fn patch(last: &Value, live: &Value, wanted: &Value) -> Result<(PatchKind, Value)> {
    let (group, version) = match wanted["apiVersion"].as_str().unwrap_or_default() {
        core if !core.contains('/') => ("", core),
        grouped => grouped.split_once('/').unwrap_or_default(),
    };
    let kind = wanted["kind"].as_str().unwrap_or_default();
    let schema = api::schema::table().schema(group, version, kind).filter(|schema| schema.type_id().is_some());
    let strategy = if schema.is_some() { PatchKind::Strategic } else { PatchKind::Merge };
    let patch = api::patch::three_way(schema, last, live, wanted);
    Ok((strategy, patch.map_err(|error| Error::Use(error.to_string()))?))
}

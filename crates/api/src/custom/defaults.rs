//! Defaults of structural schemas, and the nulls that make room for them.

use serde_json::Value;

use super::Structural;

/// Removes nulls from fields that do not take them and have no default; those that have one wait for it.
pub(super) fn drop_nulls(schema: &Structural, value: &mut Value) {
    walk_nulls(Some(schema), value);
}

fn walk_nulls(schema: Option<&Structural>, value: &mut Value) {
    match value {
        Value::Object(map) => map.retain(|key, value| {
            let child = schema.and_then(|schema| schema.child(key));
            if value.is_null() && child.is_some_and(|child| !child.nullable && child.default.is_none()) {
                return false;
            }
            walk_nulls(child, value);
            true
        }),
        Value::Array(list) => {
            let items = schema.and_then(|schema| schema.items.as_deref());
            list.iter_mut().for_each(|value| walk_nulls(items, value));
        }
        _ => {}
    }
}

/// Fills in defaults, from the outside inwards: what a default brings may itself have more.
pub(super) fn fill(schema: &Structural, value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (name, child) in &schema.properties {
                if let Some(default) = &child.default
                    && map.get(name).is_none_or(|value| value.is_null() && !child.nullable)
                {
                    map.insert(name.clone(), default.clone());
                }
            }
            for (name, value) in map.iter_mut() {
                if let Some(child) = schema.child(name) {
                    replace_null(child, value);
                    fill(child, value);
                }
            }
        }
        Value::Array(list) => {
            let Some(items) = &schema.items else { return };
            for value in list {
                replace_null(items, value);
                fill(items, value);
            }
        }
        _ => {}
    }
}

fn replace_null(schema: &Structural, value: &mut Value) {
    if let Some(default) = schema.default.as_ref().filter(|_| value.is_null() && !schema.nullable) {
        *value = default.clone();
    }
}

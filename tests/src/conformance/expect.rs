//! Comparing trees: the error names the path, what was found and what was expected.

use anyhow::{Result, bail, ensure};
use serde_json::Value;

/// Every field of `wanted` is in `found` with its value; lists are compared whole, item by item in the same way. Conditions are found by
/// their type: controllers add their own.
pub fn has(found: &Value, wanted: &Value) -> Result<()> {
    differs("", found, wanted)
}

fn differs(path: &str, found: &Value, wanted: &Value) -> Result<()> {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => {
            for (key, value) in wanted {
                differs(&format!("{path}/{key}"), found.get(key).unwrap_or(&Value::Null), value)?;
            }
            Ok(())
        }
        (Value::Array(found), Value::Array(wanted)) if path.ends_with("/conditions") => {
            for condition in wanted {
                let same = found.iter().find(|it| it["type"] == condition["type"]).unwrap_or(&Value::Null);
                differs(&format!("{path}/{}", condition["type"]), same, condition)?;
            }
            Ok(())
        }
        (Value::Array(found), Value::Array(wanted)) if found.len() == wanted.len() => {
            for (at, (found, wanted)) in found.iter().zip(wanted).enumerate() {
                differs(&format!("{path}/{at}"), found, wanted)?;
            }
            Ok(())
        }
        _ if found == wanted => Ok(()),
        _ => bail!("{path} is {found}, expected {wanted}"),
    }
}

/// The value at a JSON pointer.
pub fn is(object: &Value, pointer: &str, wanted: impl Into<Value>) -> Result<()> {
    let found = object.pointer(pointer).unwrap_or(&Value::Null);
    let wanted = wanted.into();
    ensure!(*found == wanted, "{pointer} is {found}, expected {wanted}");
    Ok(())
}

/// A text at a JSON pointer, which may not be empty.
pub fn text<'a>(object: &'a Value, pointer: &str) -> Result<&'a str> {
    match object.pointer(pointer) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        other => bail!("{pointer} is {}, expected a text", other.unwrap_or(&Value::Null)),
    }
}

/// A number at a JSON pointer; what is not there counts as 0, as in Go.
pub fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

/// A text contains a part.
pub fn contains(found: &str, part: &str) -> Result<()> {
    ensure!(found.contains(part), "{found:?} does not contain {part:?}");
    Ok(())
}

/// The status of a condition, or an empty text.
pub fn condition<'a>(object: &'a Value, kind: &str) -> &'a str {
    conditions(object).find(|condition| condition["type"] == kind).and_then(|it| it["status"].as_str()).unwrap_or("")
}

/// All conditions of an object.
pub fn conditions(object: &Value) -> impl Iterator<Item = &Value> {
    object["status"]["conditions"].as_array().into_iter().flatten()
}

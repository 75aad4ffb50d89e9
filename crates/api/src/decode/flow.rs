//! JSON where YAML is expected: what programs send as an applied configuration. It is read by the JSON parser if YAML is sure to make the same
//! tree of it; everything else, broken texts included, is left to the YAML parser.

use serde_json::Value;

use super::json;

/// YAML looks for the colon after a key only so far.
const KEY_BYTES_MAX: usize = 900;

/// The tree, if the text is an object in JSON that YAML reads alike.
pub(super) fn decode(bytes: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(bytes).ok()?;
    if !text.trim_start_matches([' ', '\n', '\r']).starts_with('{')
        || !text.chars().all(is_plain)
        || has_surrogates(text)
    {
        return None;
    }
    match json::decode(bytes) {
        Ok((tree, duplicates)) if duplicates.is_empty() && is_alike(&tree) => Some(tree),
        _ => None,
    }
}

/// YAML takes few control characters, breaks lines at more places, and does not like tabs.
fn is_plain(character: char) -> bool {
    matches!(character, '\n' | '\r' | ' '..='~' | '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}')
        || matches!(character, '\u{ff00}'..='\u{fffd}' | '\u{10000}'..)
}

/// Halves of characters, which only JSON puts together.
fn has_surrogates(text: &str) -> bool {
    text.contains("\\ud") || text.contains("\\uD")
}

/// Numbers are whole and small, keys are short.
fn is_alike(tree: &Value) -> bool {
    match tree {
        Value::Number(number) => number.is_i64(),
        Value::Array(list) => list.iter().all(is_alike),
        Value::Object(map) => map.iter().all(|(key, value)| key.len() <= KEY_BYTES_MAX && is_alike(value)),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

//! Text to tree: JSON and YAML to `serde_json::Value`, noting duplicate keys (fieldValidation needs them) and where a text is broken.
//! Knows no kinds; types and unknown fields are the schema's matter.

mod documents;
mod flow;
mod json;
mod yaml;
mod yaml_scalar;

use std::fmt;

use serde_json::Value;

/// Objects and arrays nested deeper than this are refused.
pub const MAX_DEPTH: usize = 128;
/// Upstream stops collecting strict decoding errors here.
const MAX_DUPLICATES: usize = 100;

/// A key that came twice in one object; the last value counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// `spec.containers[0].image`
    pub path: String,
    pub key: String,
    /// Line of the later key; 0 in JSON, where upstream names the path instead.
    pub line: usize,
}

impl fmt::Display for Duplicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "duplicate field {:?}", self.path),
            line => write!(f, "line {line}: key {:?} already set in map", self.key),
        }
    }
}

/// The strict decoding errors for these duplicates, as upstream words them: one per JSON field, one for a whole YAML document.
pub fn strict_errors(duplicates: &[Duplicate]) -> Vec<String> {
    let (yaml, json): (Vec<_>, Vec<_>) = duplicates.iter().partition(|duplicate| duplicate.line > 0);
    let mut errors: Vec<String> = json.iter().map(ToString::to_string).collect();
    if !yaml.is_empty() {
        let lines: Vec<String> = yaml.iter().map(|duplicate| format!("\n  {duplicate}")).collect();
        errors.push(format!("yaml: unmarshal errors:{}", lines.concat()));
    }
    errors
}

/// A text that is no JSON or YAML. Lines and columns count from 1; 0 where there is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", position(*line, *column))]
pub struct DecodeError {
    pub line: usize,
    pub column: usize,
    pub message: String,
}

fn position(line: usize, column: usize) -> String {
    if line == 0 { String::new() } else { format!(" at line {line} column {column}") }
}

/// A tree and the keys that came twice in it.
pub type Decoded = (Value, Vec<Duplicate>);

pub use documents::second as second_document;

/// Decodes one JSON value. Invalid UTF-8 is replaced, as Go's decoder does.
pub fn json(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    json::decode(bytes)
}

/// A text that begins with a byte order mark of UTF-16, as a text.
fn utf16(bytes: &[u8]) -> Option<String> {
    let unit: fn([u8; 2]) -> u16 = match bytes {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => return None,
    };
    let units: Vec<u16> = bytes.chunks_exact(2).skip(1).map(|pair| unit([pair[0], pair[1]])).collect();
    Some(String::from_utf16_lossy(&units))
}

/// Decodes the first document of a YAML stream as sigs.k8s.io/yaml does: YAML 1.1 numbers and booleans, merge keys, keys turned into text.
pub fn yaml(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    match flow::decode(bytes) {
        Some(tree) => Ok((tree, Vec::new())),
        None => yaml::decode(bytes),
    }
}

/// Notes a duplicate unless it is already known or there are too many.
fn note(duplicates: &mut Vec<Duplicate>, duplicate: Duplicate) {
    if duplicates.len() < MAX_DUPLICATES && !duplicates.contains(&duplicate) {
        duplicates.push(duplicate);
    }
}

#[cfg(test)]
mod tests;

//! Kubernetes' protobuf encoding (`application/vnd.kubernetes.protobuf`) of built-in kinds, transcoded from and to JSON trees along the field
//! table: no descriptors, no generated code. A tree read here is what upstream's Go types would write as JSON.

mod decode;
mod encode;
mod envelope;
mod layout;
mod leaf;
mod list;
mod nested;
mod wire;
mod zero;

use serde_json::Value;

pub use list::ListFrame;

use crate::quantity::QuantityError;
use crate::schema::{self, TypeId};

/// What every encoded object begins with.
const MAGIC: &[u8] = b"k8s\0";
/// Messages nested deeper than this are refused.
pub const MAX_DEPTH: usize = crate::decode::MAX_DEPTH;
/// A text with more messages than this is refused: two bytes on the wire can be a large object in memory.
pub const MAX_MESSAGES: usize = 250_000;
/// No content encoding, no content type.
const ENVELOPE_END: &[u8] = &[0x1a, 0, 0x22, 0];
const JSON: &str = "application/json";

/// Why something cannot be transcoded.
#[derive(Debug, thiserror::Error)]
pub enum ProtobufError {
    #[error("provided data does not appear to be a protobuf message, expected prefix {MAGIC:?}")]
    Magic,
    #[error("Object 'Kind' is missing")]
    MissingKind,
    #[error("Object 'apiVersion' is missing")]
    MissingVersion,
    #[error("no kind {kind:?} is registered for version {api_version:?}")]
    UnknownKind { api_version: String, kind: String },
    #[error("unsupported content encoding {0:?}")]
    ContentEncoding(String),
    #[error("proto: {0}")]
    Malformed(&'static str),
    #[error("proto: wrong wireType = {0}")]
    WireType(u8),
    #[error("messages are nested deeper than {MAX_DEPTH}")]
    TooDeep,
    #[error("more than {MAX_MESSAGES} messages")]
    TooMany,
    #[error("time out of range: {0} seconds since 1970")]
    Time(i64),
    #[error("a number that JSON does not have: {0}")]
    Float(f64),
    #[error(transparent)]
    Quantity(#[from] QuantityError),
    #[error(transparent)]
    Json(#[from] crate::decode::DecodeError),
    #[error("{field}: {found} where {expected} belongs")]
    Mistyped { field: &'static str, expected: &'static str, found: String },
}

/// Reads an enveloped object; `apiVersion` and `kind` are set from the envelope.
pub fn decode(bytes: &[u8]) -> Result<Value, ProtobufError> {
    decode::object(bytes)
}

/// Writes an object of the kind it names in its envelope.
pub fn encode(object: &Value) -> Result<Vec<u8>, ProtobufError> {
    let (api_version, kind) = encode::names(object);
    Ok(envelope(api_version, kind, &message(object)?))
}

/// The message of an object, without its envelope: what a list has for each item.
pub fn message(object: &Value) -> Result<Vec<u8>, ProtobufError> {
    encode::message_of(object)
}

/// A message in its envelope.
pub fn envelope(api_version: &str, kind: &str, message: &[u8]) -> Vec<u8> {
    let mut out = encode::envelope_head(api_version, kind, message.len());
    out.extend_from_slice(message);
    out.extend_from_slice(ENVELOPE_END);
    out
}

/// Writes one event of a watch as upstream frames it; the object is in its envelope already.
pub fn watch_event(event_type: &str, enveloped: &[u8]) -> Result<Vec<u8>, ProtobufError> {
    encode::watch_event(event_type, enveloped)
}

/// Whether objects of this kind have a protobuf encoding.
pub fn is_known(api_version: &str, kind: &str) -> bool {
    type_of(api_version, kind).is_ok()
}

/// The type of a built-in kind.
fn type_of(api_version: &str, kind: &str) -> Result<TypeId, ProtobufError> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let known = schema::of(group, version, kind).and_then(schema::Schema::type_id);
    known.ok_or_else(|| ProtobufError::UnknownKind { api_version: api_version.to_owned(), kind: kind.to_owned() })
}

/// Go writes invalid UTF-8 to JSON as replacement characters.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// JSONSchemaProps, which three shapes hold.
fn schema_props() -> TypeId {
    const NAME: &str = "apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";
    schema::table().by_name(NAME).expect("the table has apiextensions")
}

#[cfg(test)]
pub(crate) mod round_trip;
#[cfg(test)]
mod tests;

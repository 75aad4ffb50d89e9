//! Trees to messages, byte for byte as upstream's generated code writes them: fields by number, maps by key, every field that is no pointer
//! written even when zero.

use serde_json::{Map, Value};

use super::layout::{self, Layout, Slot};
use super::wire::{write_bytes, write_double, write_length, write_message, write_varint};
use super::{MAGIC, MAX_DEPTH, ProtobufError, leaf, schema_props, type_of};
use crate::schema::{Field, Shape, TypeId};

type Outcome = Result<(), ProtobufError>;

/// The message of an object, without its envelope.
pub(super) fn message_of(object: &Value) -> Result<Vec<u8>, ProtobufError> {
    let (api_version, kind) = names(object);
    if kind.is_empty() {
        return Err(ProtobufError::MissingKind);
    }
    let id = type_of(api_version, kind)?;
    let mut out = Vec::with_capacity(512);
    message(id, object, Place { field: "object", depth: 0 }, &mut out)?;
    Ok(out)
}

/// An object's apiVersion and kind.
pub(super) fn names(object: &Value) -> (&str, &str) {
    let name = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
    (name("apiVersion"), name("kind"))
}

/// What stands before a message of this length in its envelope.
pub(super) fn envelope_head(api_version: &str, kind: &str, length: usize) -> Vec<u8> {
    let mut type_meta = Vec::with_capacity(64);
    write_bytes(1, api_version.as_bytes(), &mut type_meta);
    write_bytes(2, kind.as_bytes(), &mut type_meta);
    let mut out = MAGIC.to_vec();
    write_bytes(1, &type_meta, &mut out);
    write_length(2, length, &mut out);
    out
}

/// A frame of a watch: the length in four bytes, then the event, in which the object has its envelope.
pub(super) fn watch_event(event_type: &str, enveloped: &[u8]) -> Result<Vec<u8>, ProtobufError> {
    let mut raw = Vec::with_capacity(enveloped.len() + 8);
    write_bytes(1, enveloped, &mut raw);
    let mut frame = Vec::with_capacity(raw.len() + 32);
    frame.extend_from_slice(&[0; 4]);
    write_bytes(1, event_type.as_bytes(), &mut frame);
    write_bytes(2, &raw, &mut frame);
    let length = u32::try_from(frame.len() - 4).map_err(|_| ProtobufError::Malformed("a frame beyond 4 GiB"))?;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    Ok(frame)
}

/// Where the walk is.
#[derive(Clone, Copy)]
struct Place {
    /// The innermost field, for errors.
    field: &'static str,
    depth: usize,
}

impl Place {
    fn inside(self) -> Result<Self, ProtobufError> {
        if self.depth >= MAX_DEPTH { Err(ProtobufError::TooDeep) } else { Ok(Self { depth: self.depth + 1, ..self }) }
    }

    fn mistyped(self, value: &Value, expected: &'static str) -> ProtobufError {
        let found = match value {
            Value::Array(_) => "a list".to_owned(),
            Value::Object(_) => "an object".to_owned(),
            scalar => scalar.to_string(),
        };
        ProtobufError::Mistyped { field: self.field, expected, found }
    }
}

fn message(id: TypeId, value: &Value, place: Place, out: &mut Vec<u8>) -> Outcome {
    let nothing = Map::new();
    let map = match value {
        Value::Object(map) => map,
        Value::Null => &nothing,
        other => return Err(place.mistyped(other, "an object")),
    };
    fields(layout::of(id), map, place.inside()?, out)
}

fn fields(layout: &'static Layout, map: &Map<String, Value>, place: Place, out: &mut Vec<u8>) -> Outcome {
    for (number, slot) in &layout.slots {
        match slot {
            Slot::Inlined(inner) => write_message(*number, out, |out| fields(inner, map, place, out))?,
            Slot::Field(known) => {
                let value = map.get(known.name).unwrap_or(&Value::Null);
                field(known, *number, value, Place { field: known.name, ..place }, out)?;
            }
        }
    }
    Ok(())
}

fn field(known: &Field, number: u32, value: &Value, place: Place, out: &mut Vec<u8>) -> Outcome {
    match (&known.shape, value) {
        (_, Value::Null) if known.pointer => Ok(()),
        (Shape::List(_) | Shape::Map(_) | Shape::Bytes | Shape::Strings, Value::Null) => Ok(()),
        (Shape::List(item), Value::Array(list)) => {
            list.iter().try_for_each(|value| single(item, number, value, place, out))
        }
        (Shape::Map(item), Value::Object(entries)) => entries.iter().try_for_each(|(key, value)| {
            write_message(number, out, |out| {
                write_bytes(1, key.as_bytes(), out);
                single(item, 2, value, place, out)
            })
        }),
        (Shape::List(_), other) => Err(place.mistyped(other, "a list")),
        (Shape::Map(_), other) => Err(place.mistyped(other, "a map")),
        (shape, value) => single(shape, number, value, place, out),
    }
}

/// One value that is neither list nor map; null is the zero value.
fn single(shape: &Shape, number: u32, value: &Value, place: Place, out: &mut Vec<u8>) -> Outcome {
    match shape {
        Shape::String => write_bytes(number, text(value, place)?.as_bytes(), out),
        Shape::Bool => write_varint(number, u64::from(flag(value, place)?), out),
        Shape::Int32 | Shape::Int64 => write_varint(number, integer(value, place)?.cast_unsigned(), out),
        Shape::Float => write_double(number, if value.is_null() { 0.0 } else { float(value, place)? }, out),
        Shape::Bytes => {
            let bytes = leaf::from_base64(text(value, place)?).ok_or_else(|| place.mistyped(value, "base64"))?;
            write_bytes(number, &bytes, out);
        }
        _ => return write_message(number, out, |out| inner(shape, value, place, out)),
    }
    Ok(())
}

/// The fields of a value that is a message of its own.
fn inner(shape: &Shape, value: &Value, place: Place, out: &mut Vec<u8>) -> Outcome {
    match shape {
        Shape::Object(id) => message(*id, value, place, out)?,
        Shape::Quantity => {
            let written = if value.is_null() { "0" } else { text(value, place)? };
            write_bytes(1, written.as_bytes(), out);
        }
        Shape::IntOrString => leaf::write_int_or_string(value, out),
        Shape::Time | Shape::MicroTime if value.is_null() => {}
        Shape::Time | Shape::MicroTime => {
            let timestamp = text(value, place)?.parse().map_err(|_| place.mistyped(value, "a time"))?;
            leaf::write_time(timestamp, *shape == Shape::MicroTime, out);
        }
        Shape::Strings => strings(1, value, place, out)?,
        Shape::FieldsV1 | Shape::Json | Shape::RawExtension if value.is_null() => {}
        Shape::FieldsV1 | Shape::Json | Shape::RawExtension => write_bytes(1, value.to_string().as_bytes(), out),
        _ => schema_or(shape, value, place, out)?,
    }
    Ok(())
}

fn schema_or(shape: &Shape, value: &Value, place: Place, out: &mut Vec<u8>) -> Outcome {
    let props = Shape::Object(schema_props());
    match (shape, value) {
        (Shape::SchemaOrBool, Value::Bool(allows)) => write_varint(1, u64::from(*allows), out),
        (Shape::SchemaOrBool, Value::Object(_)) => {
            write_varint(1, 1, out);
            single(&props, 2, value, place, out)?;
        }
        (_, Value::Object(_)) => single(&props, 1, value, place, out)?,
        (Shape::SchemaOrArray, Value::Array(list)) => {
            list.iter().try_for_each(|value| single(&props, 2, value, place, out))?
        }
        (Shape::SchemaOrStrings, value) => strings(2, value, place, out)?,
        (_, Value::Null) => {}
        (_, other) => return Err(place.mistyped(other, "a schema")),
    }
    Ok(())
}

fn strings(number: u32, value: &Value, place: Place, out: &mut Vec<u8>) -> Outcome {
    match value {
        Value::Null => Ok(()),
        Value::Array(list) => list.iter().try_for_each(|value| single(&Shape::String, number, value, place, out)),
        other => Err(place.mistyped(other, "a list")),
    }
}

fn text(value: &Value, place: Place) -> Result<&str, ProtobufError> {
    if value.is_null() { Ok("") } else { value.as_str().ok_or_else(|| place.mistyped(value, "a string")) }
}

fn flag(value: &Value, place: Place) -> Result<bool, ProtobufError> {
    if value.is_null() { Ok(false) } else { value.as_bool().ok_or_else(|| place.mistyped(value, "a boolean")) }
}

fn integer(value: &Value, place: Place) -> Result<i64, ProtobufError> {
    if value.is_null() { Ok(0) } else { value.as_i64().ok_or_else(|| place.mistyped(value, "an integer")) }
}

fn float(value: &Value, place: Place) -> Result<f64, ProtobufError> {
    value.as_f64().ok_or_else(|| place.mistyped(value, "a number"))
}

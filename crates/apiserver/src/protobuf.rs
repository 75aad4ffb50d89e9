//! Upstream's protobuf bodies as trees: the `k8s\0` envelope and messages whose numbers stand in the field table. Read only; answers are JSON.

use api::schema::{self, Field, Shape, Table, TypeId};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Number, Value, json};

mod wire;

use wire::{Item, Reader};

/// The media type of such bodies.
pub const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

const MAGIC: &[u8] = b"k8s\0";
/// Messages nested deeper than this are refused.
const DEPTH_MAX: usize = 100;

/// Why bytes are no object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtobufError {
    #[error("provided data does not appear to be a protobuf message, expected prefix {MAGIC:?}")]
    Prefix,
    #[error("unexpected end of the message")]
    End,
    #[error("wire type {0} is not valid here")]
    WireType(u8),
    #[error("messages are nested too deeply")]
    Depth,
    #[error("no kind {kind:?} is registered for version {version:?}")]
    Kind { version: String, kind: String },
    #[error("embedded JSON: {0}")]
    Json(String),
    #[error("the content is encoded as {0:?}, which is not supported")]
    Encoding(String),
}

/// An object with its apiVersion and kind.
pub fn decode(bytes: &[u8]) -> Result<Value, ProtobufError> {
    let body = bytes.strip_prefix(MAGIC).ok_or(ProtobufError::Prefix)?;
    let (mut version, mut kind, mut raw, mut encoding) = (String::new(), String::new(), &[][..], String::new());
    for item in Reader::new(body) {
        match item? {
            (1, Item::Bytes(names)) => {
                for name in Reader::new(names) {
                    match name? {
                        (1, Item::Bytes(text)) => version = string(text),
                        (2, Item::Bytes(text)) => kind = string(text),
                        _ => {}
                    }
                }
            }
            (2, Item::Bytes(bytes)) => raw = bytes,
            (3, Item::Bytes(text)) => encoding = string(text),
            _ => {}
        }
    }
    if !encoding.is_empty() {
        return Err(ProtobufError::Encoding(encoding));
    }
    let (group, short) = version.split_once('/').unwrap_or(("", &version));
    let found = schema::of(group, short, &kind).and_then(|schema| schema.type_id());
    let id = found.ok_or_else(|| ProtobufError::Kind { version: version.clone(), kind: kind.clone() })?;
    let mut object = Map::new();
    message(schema::table(), id, &mut Vec::new(), raw, &mut object, DEPTH_MAX)?;
    object.insert("apiVersion".to_owned(), version.into());
    object.insert("kind".to_owned(), kind.into());
    Ok(Value::Object(object))
}

/// Reads a message into `object`. `outer`: the numbers of the inlined structs that lead to it.
fn message(
    table: &Table,
    id: TypeId,
    outer: &mut Vec<u32>,
    bytes: &[u8],
    object: &mut Map<String, Value>,
    depth: usize,
) -> Result<(), ProtobufError> {
    let depth = depth.checked_sub(1).ok_or(ProtobufError::Depth)?;
    let fields = &table.get(id).fields;
    for item in Reader::new(bytes) {
        let (number, item) = item?;
        outer.push(number);
        let own = fields.iter().find(|field| field.numbers == *outer);
        let inlined = own.is_none() && fields.iter().any(|field| field.numbers.starts_with(outer));
        match (own, &item) {
            (Some(field), _) => add(table, field, &item, object, depth)?,
            // The message of a struct that JSON shows inline.
            (None, Item::Bytes(bytes)) if inlined => message(table, id, outer, bytes, object, depth)?,
            // A field of a later version: skipped, as upstream does.
            (None, _) => {}
        }
        outer.pop();
    }
    Ok(())
}

/// Adds one occurrence of a field.
fn add(
    table: &Table,
    field: &Field,
    item: &Item<'_>,
    object: &mut Map<String, Value>,
    depth: usize,
) -> Result<(), ProtobufError> {
    match &field.shape {
        Shape::List(element) => {
            let list = object.entry(field.name).or_insert_with(|| json!([]));
            let list = list.as_array_mut().expect("made above");
            match (element.as_ref(), item) {
                (Shape::Int32 | Shape::Int64 | Shape::Bool, Item::Bytes(packed)) => {
                    for number in wire::packed(packed) {
                        list.push(value(table, element, &Item::Varint(number?), depth)?);
                    }
                }
                _ => list.push(value(table, element, item, depth)?),
            }
        }
        Shape::Map(element) => {
            let map = object.entry(field.name).or_insert_with(|| json!({}));
            let (key, entry) = map_entry(table, element, item, depth)?;
            map.as_object_mut().expect("made above").insert(key, entry);
        }
        shape => {
            let read = value(table, shape, item, depth)?;
            if !read.is_null() {
                object.insert(field.name.to_owned(), read);
            }
        }
    }
    Ok(())
}

fn map_entry(table: &Table, element: &Shape, item: &Item<'_>, depth: usize) -> Result<(String, Value), ProtobufError> {
    let (mut key, mut found) = (String::new(), None);
    for part in Reader::new(item.bytes()?) {
        match part? {
            (1, Item::Bytes(text)) => key = string(text),
            (2, item) => found = Some(value(table, element, &item, depth)?),
            _ => {}
        }
    }
    // An entry without a value has the zero value, as every message without its fields has.
    let entry = found.map_or_else(|| value(table, element, &Item::Bytes(&[]), depth), Ok)?;
    Ok((key, entry))
}

fn value(table: &Table, shape: &Shape, item: &Item<'_>, depth: usize) -> Result<Value, ProtobufError> {
    Ok(match shape {
        Shape::String => string(item.bytes()?).into(),
        Shape::Bool => (item.varint()? != 0).into(),
        Shape::Int32 => (item.varint()? as i32).into(),
        Shape::Int64 => (item.varint()? as i64).into(),
        Shape::Float => Number::from_f64(item.float()?).map_or(Value::Null, Value::Number),
        Shape::Bytes => STANDARD.encode(item.bytes()?).into(),
        Shape::Quantity => string(one(item.bytes()?)?).into(),
        Shape::Time | Shape::MicroTime => time(item.bytes()?, matches!(shape, Shape::MicroTime))?,
        Shape::IntOrString => int_or_string(item.bytes()?)?,
        Shape::FieldsV1 | Shape::RawExtension | Shape::Json => embedded(one(item.bytes()?)?)?,
        Shape::Strings => strings(item.bytes()?, 1)?,
        Shape::SchemaOrArray | Shape::SchemaOrBool | Shape::SchemaOrStrings => {
            schema_or(table, shape, item.bytes()?, depth)?
        }
        Shape::Object(id) => {
            let mut object = Map::new();
            message(table, *id, &mut Vec::new(), item.bytes()?, &mut object, depth)?;
            Value::Object(object)
        }
        Shape::List(_) | Shape::Map(_) => return Err(ProtobufError::Depth),
    })
}

/// The bytes of field 1, empty when absent.
fn one(bytes: &[u8]) -> Result<&[u8], ProtobufError> {
    let mut found = &[][..];
    for item in Reader::new(bytes) {
        if let (1, item) = item? {
            found = item.bytes()?;
        }
    }
    Ok(found)
}

fn strings(bytes: &[u8], number: u32) -> Result<Value, ProtobufError> {
    let mut list = Vec::new();
    for item in Reader::new(bytes) {
        let (found, item) = item?;
        if found == number {
            list.push(string(item.bytes()?).into());
        }
    }
    Ok(Value::Array(list))
}

/// Seconds and nanoseconds; an empty message is no time.
fn time(bytes: &[u8], micro: bool) -> Result<Value, ProtobufError> {
    let (mut seconds, mut nanos) = (None, 0);
    for item in Reader::new(bytes) {
        match item? {
            (1, item) => seconds = Some(item.varint()? as i64),
            (2, item) => nanos = item.varint()? as i32,
            _ => {}
        }
    }
    let Some(at) = seconds.and_then(|seconds| Timestamp::new(seconds, nanos.clamp(0, 999_999_999)).ok()) else {
        return Ok(Value::Null);
    };
    let format = if micro { "%Y-%m-%dT%H:%M:%S.%6fZ" } else { "%Y-%m-%dT%H:%M:%SZ" };
    Ok(at.strftime(format).to_string().into())
}

fn int_or_string(bytes: &[u8]) -> Result<Value, ProtobufError> {
    let (mut text, mut number, mut is_text) = (String::new(), 0, false);
    for item in Reader::new(bytes) {
        match item? {
            (1, item) => is_text = item.varint()? == 1,
            (2, item) => number = item.varint()? as i32,
            (3, item) => text = string(item.bytes()?),
            _ => {}
        }
    }
    Ok(if is_text { text.into() } else { number.into() })
}

fn embedded(bytes: &[u8]) -> Result<Value, ProtobufError> {
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    if bytes.starts_with(MAGIC) {
        return decode(bytes);
    }
    serde_json::from_slice(bytes).map_err(|error| ProtobufError::Json(error.to_string()))
}

/// JSONSchemaPropsOrArray {1: schema, 2: schemas}, -OrBool {1: allows, 2: schema}, -OrStringArray {1: schema, 2: strings}.
fn schema_or(table: &Table, shape: &Shape, bytes: &[u8], depth: usize) -> Result<Value, ProtobufError> {
    const PROPS: &str = "apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";
    let id = table.by_name(PROPS).expect("the field table has JSONSchemaProps");
    let read = |item: &Item<'_>| value(table, &Shape::Object(id), item, depth);
    let (mut schema, mut list, mut allows) = (None, Vec::new(), false);
    for item in Reader::new(bytes) {
        match (shape, item?) {
            (Shape::SchemaOrBool, (1, item)) => allows = item.varint()? != 0,
            (Shape::SchemaOrBool, (2, item)) | (_, (1, item)) => schema = Some(read(&item)?),
            (Shape::SchemaOrArray, (2, item)) => list.push(read(&item)?),
            (_, (2, item)) => list.push(string(item.bytes()?).into()),
            _ => {}
        }
    }
    Ok(match (schema, shape) {
        (Some(schema), _) => schema,
        (None, Shape::SchemaOrBool) => allows.into(),
        (None, _) => Value::Array(list),
    })
}

fn string(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests;

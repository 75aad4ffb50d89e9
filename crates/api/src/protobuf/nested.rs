//! Messages that hold something else: JSON, enveloped objects, and schemas or what may stand for one.

use serde_json::{Map, Value};

use super::decode::Walk;
use super::wire::Reader;
use super::{MAGIC, MAX_DEPTH, ProtobufError, leaf, schema_props, text};
use crate::schema::Shape;

impl Walk {
    /// JSON in a message of its own; in RawExtension an enveloped object too.
    pub(super) fn raw(&mut self, bytes: &[u8], depth: usize) -> Result<Value, ProtobufError> {
        if depth > MAX_DEPTH {
            return Err(ProtobufError::TooDeep);
        }
        match leaf::last_bytes(bytes, 1)? {
            [] => Ok(Value::Null),
            raw if raw.starts_with(MAGIC) => self.envelope(raw, depth + 1),
            raw => Ok(crate::decode::json(raw)?.0),
        }
    }

    /// A schema, or (in field 2) what else may stand for one.
    pub(super) fn schema_or(&mut self, shape: &Shape, bytes: &[u8], depth: usize) -> Result<Value, ProtobufError> {
        let (mut schema, mut list, mut allows) = (None, Vec::new(), false);
        let mut fields = Reader::new(bytes);
        while let Some((number, wire)) = fields.field()? {
            match (shape, number) {
                (Shape::SchemaOrBool, 1) => allows = wire.varint()? != 0,
                (Shape::SchemaOrBool, 2) | (_, 1) => {
                    schema = Some(self.message(schema_props(), wire.bytes()?, Map::new(), depth + 1)?);
                }
                (Shape::SchemaOrArray, 2) => {
                    list.push(self.message(schema_props(), wire.bytes()?, Map::new(), depth + 1)?);
                }
                (Shape::SchemaOrStrings, 2) => list.push(text(wire.bytes()?).into()),
                _ => {}
            }
        }
        Ok(match (shape, schema) {
            (Shape::SchemaOrBool, schema) => schema.unwrap_or(Value::Bool(allows)),
            (_, None) if list.is_empty() => Value::Null,
            (_, Some(schema)) if list.is_empty() => schema,
            _ => Value::Array(list),
        })
    }
}

//! Messages to trees. What a message leaves out is the matter of `zero`.

use serde_json::{Map, Value};

use super::envelope::Envelope;
use super::layout::{self, Layout, Slot};
use super::wire::{Reader, Wire};
use super::{JSON, MAX_DEPTH, MAX_MESSAGES, ProtobufError, leaf, text, type_of};
use crate::schema::{Field, Shape, TypeId, table};

/// An enveloped object.
pub(super) fn object(bytes: &[u8]) -> Result<Value, ProtobufError> {
    Walk { messages: 0 }.envelope(bytes, 0)
}

/// One reading.
pub(super) struct Walk {
    /// Read so far, those only filled in included.
    messages: usize,
}

impl Walk {
    pub(super) fn envelope(&mut self, bytes: &[u8], depth: usize) -> Result<Value, ProtobufError> {
        let envelope = Envelope::read(bytes)?;
        if !envelope.content_encoding.is_empty() {
            return Err(ProtobufError::ContentEncoding(envelope.content_encoding));
        }
        if envelope.kind.is_empty() {
            return Err(ProtobufError::MissingKind);
        }
        if envelope.api_version.is_empty() {
            return Err(ProtobufError::MissingVersion);
        }
        let mut object = if envelope.content_type == JSON {
            crate::decode::json(envelope.raw)?.0
        } else {
            let id = type_of(&envelope.api_version, &envelope.kind)?;
            self.message(id, envelope.raw, Map::new(), depth)?
        };
        if let Value::Object(map) = &mut object {
            map.insert("apiVersion".to_owned(), envelope.api_version.into());
            map.insert("kind".to_owned(), envelope.kind.into());
        }
        Ok(object)
    }

    /// A message of a type, read over what is there: protobuf merges a message that comes twice.
    pub(super) fn message(
        &mut self,
        id: TypeId,
        bytes: &[u8],
        mut map: Map<String, Value>,
        depth: usize,
    ) -> Result<Value, ProtobufError> {
        self.messages += 1;
        if self.messages > MAX_MESSAGES {
            return Err(ProtobufError::TooMany);
        }
        self.fields(layout::of(id), bytes, &mut map, depth)?;
        self.complete(table().get(id), &mut map, depth)?;
        Ok(Value::Object(map))
    }

    fn fields(
        &mut self,
        layout: &Layout,
        bytes: &[u8],
        map: &mut Map<String, Value>,
        depth: usize,
    ) -> Result<(), ProtobufError> {
        if depth > MAX_DEPTH {
            return Err(ProtobufError::TooDeep);
        }
        let mut fields = Reader::new(bytes);
        while let Some((number, wire)) = fields.field()? {
            match layout.slot(number) {
                Some(Slot::Field(field)) => self.field(field, wire, map, depth)?,
                Some(Slot::Inlined(inner)) => self.fields(inner, wire.bytes()?, map, depth + 1)?,
                None => {}
            }
        }
        Ok(())
    }

    fn field(
        &mut self,
        field: &Field,
        wire: Wire,
        map: &mut Map<String, Value>,
        depth: usize,
    ) -> Result<(), ProtobufError> {
        let before = map.remove(field.name).filter(|value| !value.is_null());
        let value = match (&field.shape, before) {
            (Shape::List(item), before) => {
                let mut list = before.unwrap_or_else(|| Value::Array(Vec::new()));
                if let Value::Array(list) = &mut list {
                    self.items(item, wire, list, depth)?;
                }
                list
            }
            (Shape::Map(item), before) => {
                let mut entries = before.unwrap_or_else(|| Value::Object(Map::new()));
                if let Value::Object(entries) = &mut entries {
                    let (key, value) = self.entry(item, wire.bytes()?, depth)?;
                    entries.insert(key, value);
                }
                entries
            }
            (Shape::Object(id), Some(Value::Object(before))) => self.message(*id, wire.bytes()?, before, depth + 1)?,
            (shape, _) => self.value(shape, wire, depth)?,
        };
        map.insert(field.name.to_owned(), value);
        Ok(())
    }

    /// One item, or several packed ones.
    fn items(&mut self, shape: &Shape, wire: Wire, list: &mut Vec<Value>, depth: usize) -> Result<(), ProtobufError> {
        let packed = match wire {
            Wire::Bytes(bytes) if matches!(shape, Shape::Int32 | Shape::Int64 | Shape::Bool | Shape::Float) => bytes,
            _ => {
                list.push(self.value(shape, wire, depth)?);
                return Ok(());
            }
        };
        let mut numbers = Reader::new(packed);
        while !numbers.is_empty() {
            let wire = match shape {
                Shape::Float => Wire::Fixed64(numbers.fixed64()?),
                _ => Wire::Varint(numbers.varint()?),
            };
            list.push(self.value(shape, wire, depth)?);
        }
        Ok(())
    }

    fn entry(&mut self, shape: &Shape, bytes: &[u8], depth: usize) -> Result<(String, Value), ProtobufError> {
        let (mut key, mut value) = (String::new(), None);
        let mut fields = Reader::new(bytes);
        while let Some((number, wire)) = fields.field()? {
            match number {
                1 => key = text(wire.bytes()?),
                2 => value = Some(self.value(shape, wire, depth)?),
                _ => {}
            }
        }
        let value = match value {
            Some(value) => value,
            // Go makes empty slices here, not none.
            None if *shape == Shape::Bytes => Value::String(String::new()),
            None if *shape == Shape::Strings => Value::Array(Vec::new()),
            None => self.zero(shape, depth)?,
        };
        Ok((key, value))
    }

    fn value(&mut self, shape: &Shape, wire: Wire, depth: usize) -> Result<Value, ProtobufError> {
        Ok(match shape {
            Shape::String => text(wire.bytes()?).into(),
            Shape::Bool => (wire.varint()? != 0).into(),
            Shape::Int32 => (wire.varint()? as i32).into(),
            Shape::Int64 => wire.varint()?.cast_signed().into(),
            Shape::Float => leaf::float(wire.double()?)?,
            Shape::Bytes => leaf::base64(wire.bytes()?),
            Shape::Quantity => leaf::quantity(wire.bytes()?)?,
            Shape::IntOrString => leaf::int_or_string(wire.bytes()?)?,
            Shape::Time => leaf::time(wire.bytes()?, false)?,
            Shape::MicroTime => leaf::time(wire.bytes()?, true)?,
            Shape::Strings => leaf::strings(wire.bytes()?)?,
            Shape::FieldsV1 | Shape::Json | Shape::RawExtension => self.raw(wire.bytes()?, depth)?,
            Shape::SchemaOrArray | Shape::SchemaOrBool | Shape::SchemaOrStrings => {
                self.schema_or(shape, wire.bytes()?, depth)?
            }
            Shape::Object(id) => self.message(*id, wire.bytes()?, Map::new(), depth + 1)?,
            Shape::List(_) | Shape::Map(_) => return Err(ProtobufError::Malformed("a list within a list")),
        })
    }
}

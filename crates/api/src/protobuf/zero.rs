//! What a message leaves out, as Go's encoder writes the field's zero value to JSON, or leaves it out too.

use serde_json::{Map, Value};

use super::ProtobufError;
use super::decode::Walk;
use crate::schema::{Field, Shape, Type};

impl Walk {
    /// Adds the zero values Go writes and drops those it leaves out.
    pub(super) fn complete(
        &mut self,
        object_type: &Type,
        map: &mut Map<String, Value>,
        depth: usize,
    ) -> Result<(), ProtobufError> {
        for field in object_type.fields.iter().filter(|field| !field.numbers.is_empty()) {
            match map.get(field.name) {
                Some(value) if is_left_out(field, value) => {
                    map.remove(field.name);
                }
                Some(_) => {}
                None if field.pointer && field.omit_empty => {}
                None => {
                    let zero = if field.pointer { Value::Null } else { self.zero(&field.shape, depth)? };
                    if !is_left_out(field, &zero) {
                        map.insert(field.name.to_owned(), zero);
                    }
                }
            }
        }
        Ok(())
    }

    /// Go's zero value as JSON.
    pub(super) fn zero(&mut self, shape: &Shape, depth: usize) -> Result<Value, ProtobufError> {
        Ok(match shape {
            Shape::String => Value::String(String::new()),
            Shape::Bool | Shape::SchemaOrBool => Value::Bool(false),
            Shape::Int32 | Shape::Int64 | Shape::Float | Shape::IntOrString => 0.into(),
            Shape::Quantity => "0".into(),
            Shape::Object(id) => self.message(*id, &[], Map::new(), depth + 1)?,
            _ => Value::Null,
        })
    }
}

/// Whether `omitempty` or `omitzero` leaves the value out. For Go no struct is empty, times and quantities included.
fn is_left_out(field: &Field, value: &Value) -> bool {
    let is_zero = match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
    };
    let is_plain = matches!(
        field.shape,
        Shape::String
            | Shape::Bool
            | Shape::Int32
            | Shape::Int64
            | Shape::Float
            | Shape::Bytes
            | Shape::Strings
            | Shape::List(_)
            | Shape::Map(_)
    );
    !field.pointer && is_zero && (field.omit_zero || field.omit_empty && is_plain)
}

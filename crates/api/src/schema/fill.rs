//! Adds the zero values that upstream's encoder always writes.

use serde_json::{Map, Value};

use super::table::{Shape, Table, TypeId};

pub(super) fn fill(table: &Table, id: TypeId, value: &mut Value) {
    let Value::Object(map) = value else { return };
    let object_type = table.get(id);
    for &index in &object_type.filled {
        let field = &object_type.fields[index];
        if !map.contains_key(field.name) {
            map.insert(field.name.to_owned(), zero(&field.shape));
        }
    }
    for (key, value) in map.iter_mut() {
        if let Some(field) = object_type.field(key) {
            within(table, &field.shape, value);
        }
    }
}

fn within(table: &Table, shape: &Shape, value: &mut Value) {
    match (shape, value) {
        (Shape::Object(id), value) => fill(table, *id, value),
        (Shape::List(item), Value::Array(list)) => list.iter_mut().for_each(|value| within(table, item, value)),
        (Shape::Map(item), Value::Object(map)) => map.values_mut().for_each(|value| within(table, item, value)),
        _ => {}
    }
}

fn zero(shape: &Shape) -> Value {
    match shape {
        Shape::Object(_) => Value::Object(Map::new()),
        Shape::Quantity => Value::String("0".to_owned()),
        Shape::String => Value::String(String::new()),
        Shape::Bool => Value::Bool(false),
        _ => 0.into(),
    }
}

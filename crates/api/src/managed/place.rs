//! What a value is to server-side apply: one owner for all of it, or an owner for every part. Read from the field table.

use std::borrow::Cow;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::path::PathElement;
use crate::schema::{Field, ListType, Schema, Shape, Type, table};

/// A value's shape, and what the field that holds it says of lists.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    shape: &'static Shape,
    list_type: Option<ListType>,
    keys: &'static [&'static str],
}

/// How a value is taken apart.
#[derive(Clone, Copy, Debug)]
pub(super) enum Atom {
    /// A scalar, or something with one owner.
    Leaf,
    Struct(&'static Type),
    Map(Place),
    /// Items known by their value.
    Set(Place),
    /// Items known by their keys.
    Keyed(Place),
}

static ANY: Shape = Shape::Json;
static NULL: Value = Value::Null;
static ZEROS: LazyLock<[Value; 4]> =
    LazyLock::new(|| [Value::Object(Map::new()), Value::String(String::new()), Value::Bool(false), Value::from(0)]);

impl Place {
    /// The root of a kind's objects.
    pub fn root(schema: &'static Schema) -> Self {
        static SHAPES: LazyLock<Vec<Shape>> = LazyLock::new(|| table().ids().map(Shape::Object).collect());
        let shape = schema.type_id().and_then(|id| SHAPES.get(id.index())).unwrap_or(&ANY);
        Self { shape, list_type: None, keys: &[] }
    }

    pub fn field(field: &'static Field) -> Self {
        Self { shape: &field.shape, list_type: field.list_type, keys: &field.list_keys }
    }

    pub fn item(shape: &'static Shape) -> Self {
        Self { shape, list_type: None, keys: &[] }
    }

    /// How to take `value` apart. Lists have one owner unless the table says more, structs and maps have many unless it says so.
    pub fn atom(self, value: Option<&Value>) -> Atom {
        let atomic = self.list_type == Some(ListType::Atomic);
        match self.shape {
            Shape::Object(id) => {
                let object_type = table().get(*id);
                let granular = self.list_type == Some(ListType::Granular);
                if atomic || object_type.atomic && !granular { Atom::Leaf } else { Atom::Struct(object_type) }
            }
            Shape::Map(item) if !atomic => Atom::Map(Self::item(item)),
            Shape::List(item) => match self.list_type {
                Some(ListType::Set) => Atom::Set(Self::item(item)),
                Some(ListType::Map) => Atom::Keyed(Self { shape: item, list_type: None, keys: self.keys }),
                _ => Atom::Leaf,
            },
            // Values without a shape of their own: maps part by part, everything else whole.
            Shape::Json | Shape::RawExtension | Shape::SchemaOrArray | Shape::SchemaOrBool | Shape::SchemaOrStrings
                if value.is_some_and(Value::is_object) =>
            {
                Atom::Map(Self::item(&ANY))
            }
            _ => Atom::Leaf,
        }
    }

    /// The place of an item of a keyed list, whose keys have done their work.
    pub fn below(self) -> Self {
        Self::item(self.shape)
    }

    pub fn shape(self) -> &'static Shape {
        self.shape
    }

    pub fn is_list(self) -> bool {
        matches!(self.shape, Shape::List(_) | Shape::Strings)
    }

    pub fn is_map(self) -> bool {
        matches!(self.shape, Shape::Object(_) | Shape::Map(_))
    }

    pub fn keys(self) -> &'static [&'static str] {
        self.keys
    }

    /// How an item of a keyed list is known. A missing key counts with its default; `None` when all are missing.
    pub fn key_of(self, item: &Value) -> Option<PathElement> {
        let map = item.as_object()?;
        let mut fields: Vec<(Cow<'static, str>, Value)> = Vec::with_capacity(self.keys.len());
        for key in self.keys {
            let value = map.get(*key).cloned().or_else(|| self.default_of(key));
            fields.extend(value.map(|value| (Cow::Borrowed(*key), value)));
        }
        fields.sort_by(|left, right| left.0.cmp(&right.0));
        (!fields.is_empty()).then_some(PathElement::Key(fields))
    }

    fn default_of(self, key: &str) -> Option<Value> {
        let Shape::Object(id) = self.shape else { return None };
        let field = table().get(*id).field(key)?;
        match field.default {
            Some(text) => serde_json::from_str(text).ok(),
            None if field.pointer || field.omit_empty => None,
            None => zero(&field.shape).cloned(),
        }
    }
}

/// What upstream's encoder writes for a field that holds nothing; `None` when it leaves the field out.
pub(super) fn written(field: &Field) -> Option<&'static Value> {
    if field.omit_zero {
        return None;
    }
    match field.shape {
        Shape::Object(_) | Shape::Quantity | Shape::IntOrString if !field.pointer => zero(&field.shape),
        Shape::Time | Shape::MicroTime if !field.pointer => Some(&NULL),
        _ if field.omit_empty => None,
        _ if field.pointer => Some(&NULL),
        _ => zero(&field.shape).or(Some(&NULL)),
    }
}

fn zero(shape: &Shape) -> Option<&'static Value> {
    let [object, text, flag, number] = &*ZEROS;
    match shape {
        Shape::Object(_) => Some(object),
        Shape::String => Some(text),
        Shape::Bool => Some(flag),
        Shape::Int32 | Shape::Int64 | Shape::Float | Shape::IntOrString => Some(number),
        Shape::Quantity => {
            static QUANTITY: LazyLock<Value> = LazyLock::new(|| Value::String("0".to_owned()));
            Some(&QUANTITY)
        }
        _ => None,
    }
}

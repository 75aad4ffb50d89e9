//! What a value is to server-side apply: one owner for all of it, or an owner for every part. Read from the field table or a definition's schema.

use std::borrow::Cow;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::path::PathElement;
use crate::custom::{Additional, Structural, ValueType};
use crate::schema::{Field, ListType, Schema, Shape, Type, table};

/// A value's shape, and what the field that holds it says of lists.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'s> {
    shape: Shaped<'s>,
    list_type: Option<ListType>,
    keys: &'s [&'static str],
}

/// Where a shape is written down.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shaped<'s> {
    Table(&'s Shape),
    /// A schema of a definition; whether what it describes is a resource, with metadata of its own.
    Custom(&'s Structural, bool),
}

/// How a value is taken apart.
#[derive(Clone, Copy, Debug)]
pub(super) enum Atom<'s> {
    /// A scalar, or something with one owner.
    Leaf,
    Struct(Struct<'s>),
    Map(Place<'s>),
    /// Items known by their value.
    Set(Place<'s>),
    /// Items known by their keys.
    Keyed(Place<'s>),
}

/// The fields of a struct.
#[derive(Clone, Copy, Debug)]
pub(super) enum Struct<'s> {
    Table(&'s Type),
    Custom(&'s Structural, bool),
}

impl<'s> Struct<'s> {
    /// The place of a field; `None`: the struct has none of this name.
    pub fn field(self, name: &str) -> Option<Place<'s>> {
        match self {
            Self::Table(object_type) => object_type.field(name).map(Place::field),
            Self::Custom(_, true) if matches!(name, "apiVersion" | "kind") => Some(Place::item(&TEXT)),
            Self::Custom(_, true) if name == "metadata" => Some(Place::item(&METADATA)),
            Self::Custom(schema, _) => match schema.properties.get(name) {
                Some(child) => Some(Place::custom(child)),
                None => schema.is_open().then(|| Place::item(&ANY)),
            },
        }
    }

    /// What upstream's encoder writes in a field that is not there.
    pub fn written(self, name: &str) -> Option<&'static Value> {
        match self {
            Self::Table(object_type) => object_type.field(name).and_then(written),
            Self::Custom(..) => None,
        }
    }

    /// The fields that are written although they hold nothing.
    pub fn written_fields(self) -> impl Iterator<Item = (&'s str, Place<'s>, Option<&'static Value>)> {
        let object_type = match self {
            Self::Table(object_type) => Some(object_type),
            Self::Custom(..) => None,
        };
        let fields = object_type.into_iter().flat_map(Type::written_fields);
        fields.map(|field| (field.name, Place::field(field), written(field)))
    }
}

static ANY: Shape = Shape::Json;
static TEXT: Shape = Shape::String;
static METADATA: LazyLock<Shape> = LazyLock::new(|| {
    let id = table().by_name("apimachinery.pkg.apis.meta.v1.ObjectMeta");
    id.map_or(Shape::Json, Shape::Object)
});
static NULL: Value = Value::Null;
static ZEROS: LazyLock<[Value; 4]> =
    LazyLock::new(|| [Value::Object(Map::new()), Value::String(String::new()), Value::Bool(false), Value::from(0)]);

impl<'s> Place<'s> {
    /// The root of a kind's objects.
    pub fn root(schema: &'s Schema) -> Self {
        static SHAPES: LazyLock<Vec<Shape>> = LazyLock::new(|| table().ids().map(Shape::Object).collect());
        if let Some(structural) = schema.structural() {
            return Self { shape: Shaped::Custom(structural, true), list_type: None, keys: &[] };
        }
        Self::item(schema.type_id().and_then(|id| SHAPES.get(id.index())).unwrap_or(&ANY))
    }

    pub fn field(field: &'s Field) -> Self {
        Self { shape: Shaped::Table(&field.shape), list_type: field.list_type, keys: &field.list_keys }
    }

    pub fn item(shape: &'s Shape) -> Self {
        Self { shape: Shaped::Table(shape), list_type: None, keys: &[] }
    }

    fn custom(schema: &'s Structural) -> Self {
        Self { shape: Shaped::Custom(schema, schema.embedded), list_type: schema.list_type, keys: &schema.list_keys }
    }

    /// How to take `value` apart. Lists have one owner unless the schema says more, structs and maps have many unless it says so.
    pub fn atom(self, value: Option<&Value>) -> Atom<'s> {
        match self.shape {
            Shaped::Table(shape) => self.table_atom(shape, value),
            Shaped::Custom(schema, resource) => self.custom_atom(schema, resource, value),
        }
    }

    fn table_atom(self, shape: &'s Shape, value: Option<&Value>) -> Atom<'s> {
        let atomic = self.list_type == Some(ListType::Atomic);
        match shape {
            Shape::Object(id) => {
                let object_type = table().get(*id);
                let granular = self.list_type == Some(ListType::Granular);
                let whole = atomic || object_type.atomic && !granular;
                if whole { Atom::Leaf } else { Atom::Struct(Struct::Table(object_type)) }
            }
            Shape::Map(item) if !atomic => Atom::Map(Self::item(item)),
            Shape::List(item) => self.list_atom(Self::item(item)),
            // Values without a shape of their own: maps part by part, everything else whole.
            Shape::Json | Shape::RawExtension | Shape::SchemaOrArray | Shape::SchemaOrBool | Shape::SchemaOrStrings
                if value.is_some_and(Value::is_object) =>
            {
                Atom::Map(Self::item(&ANY))
            }
            _ => Atom::Leaf,
        }
    }

    fn custom_atom(self, schema: &'s Structural, resource: bool, value: Option<&Value>) -> Atom<'s> {
        let any = Atom::Map(Self::item(&ANY));
        match (schema.value_type, &schema.additional) {
            _ if schema.atomic => Atom::Leaf,
            (ValueType::Object, _) if resource || !schema.properties.is_empty() => {
                Atom::Struct(Struct::Custom(schema, resource))
            }
            (ValueType::Object, Additional::Schema(item)) => Atom::Map(Self::custom(item)),
            (ValueType::Object, _) => any,
            (ValueType::Array, _) => match &schema.items {
                Some(items) => self.list_atom(Self::custom(items)),
                None => Atom::Leaf,
            },
            (ValueType::Unset, _) if value.is_some_and(Value::is_object) => any,
            _ => Atom::Leaf,
        }
    }

    fn list_atom(self, item: Self) -> Atom<'s> {
        match self.list_type {
            Some(ListType::Set) => Atom::Set(Self { list_type: None, keys: &[], ..item }),
            Some(ListType::Map) => Atom::Keyed(Self { list_type: None, keys: self.keys, ..item }),
            _ => Atom::Leaf,
        }
    }

    /// The place of an item of a keyed list, whose keys have done their work.
    pub fn below(self) -> Self {
        match self.shape {
            Shaped::Table(shape) => Self::item(shape),
            Shaped::Custom(schema, _) => Self::custom(schema),
        }
    }

    /// The place of the items of a list that a definition describes.
    pub fn item_of(self) -> Option<Self> {
        match self.shape {
            Shaped::Custom(schema, _) => schema.items.as_deref().map(Self::custom),
            Shaped::Table(_) => None,
        }
    }

    pub fn shape(self) -> Shaped<'s> {
        self.shape
    }

    pub fn is_list(self) -> bool {
        match self.shape {
            Shaped::Table(shape) => matches!(shape, Shape::List(_) | Shape::Strings),
            Shaped::Custom(schema, _) => schema.value_type == ValueType::Array,
        }
    }

    pub fn is_map(self) -> bool {
        match self.shape {
            Shaped::Table(shape) => matches!(shape, Shape::Object(_) | Shape::Map(_)),
            Shaped::Custom(schema, _) => schema.value_type == ValueType::Object,
        }
    }

    pub fn keys(self) -> &'s [&'static str] {
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
        let id = match self.shape {
            Shaped::Table(Shape::Object(id)) => *id,
            Shaped::Table(_) => return None,
            Shaped::Custom(schema, _) => return schema.properties.get(key)?.default.clone(),
        };
        let field = table().get(id).field(key)?;
        match field.default {
            Some(text) => serde_json::from_str(text).ok(),
            None if field.pointer || field.omit_empty => None,
            None => zero(&field.shape).cloned(),
        }
    }
}

/// What upstream's encoder writes for a field that holds nothing; `None` when it leaves the field out.
fn written(field: &Field) -> Option<&'static Value> {
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

//! The walk that checks, prunes and canonicalises an object along its type.

use serde_json::{Map, Value};

use super::issues::Issues;
use super::scalar::{self, Outcome};
use super::suggest::suggest;
use super::table::{Field, Shape, Table, Type, TypeId};
use super::{FieldIssue, IssueKind};
use crate::path::Path;

const SCHEMA_PROPS: &str = "apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";

pub(super) fn normalise(table: &Table, id: TypeId, object: &mut Value) -> Vec<FieldIssue> {
    let mut walk = Walk { table, issues: Issues::default() };
    let place = Place { path: Path::Root, owner: None };
    walk.value(&Shape::Object(id), object, &place);
    walk.issues.into_vec()
}

/// Whether a value is worth keeping in a field that may be left out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    Something,
    /// Nothing upstream would write: null, or Go's zero time.
    Nothing,
}

/// A path, and the innermost struct around it, which upstream's messages name.
struct Place<'a> {
    path: Path<'a>,
    owner: Option<&'a Type>,
}

struct Walk<'t> {
    table: &'t Table,
    issues: Issues,
}

impl Walk<'_> {
    fn value(&mut self, shape: &Shape, value: &mut Value, place: &Place) -> Presence {
        if value.is_null() {
            return Presence::Nothing;
        }
        let outcome = match shape {
            Shape::Object(id) => return self.object(*id, value, place),
            Shape::List(item) => return self.list(shape, item, value, place),
            Shape::Strings => return self.list(shape, &Shape::String, value, place),
            Shape::Map(item) => return self.map(shape, item, value, place),
            Shape::SchemaOrArray | Shape::SchemaOrBool | Shape::SchemaOrStrings => {
                return self.schema_or(shape, value, place);
            }
            Shape::Json | Shape::RawExtension => return Presence::Something,
            Shape::FieldsV1 if value.is_object() => Outcome::Kept,
            Shape::FieldsV1 => Outcome::Mistyped("v1.FieldsV1"),
            Shape::String if value.is_string() => Outcome::Kept,
            Shape::String => Outcome::Mistyped("string"),
            Shape::Bool if value.is_boolean() => Outcome::Kept,
            Shape::Bool => Outcome::Mistyped("bool"),
            Shape::Int32 => scalar::integer(value, 32),
            Shape::Int64 => scalar::integer(value, 64),
            Shape::Float => scalar::float(value),
            Shape::Bytes => scalar::bytes(value),
            Shape::Quantity => scalar::quantity(value),
            Shape::IntOrString => scalar::int_or_string(value),
            Shape::Time => scalar::time(value, false),
            Shape::MicroTime => scalar::time(value, true),
        };
        match outcome {
            Outcome::Kept => Presence::Something,
            Outcome::Absent => Presence::Nothing,
            Outcome::Mistyped(go_type) => self.mistyped(value, go_type, place),
            Outcome::Invalid(message) => self.issue(IssueKind::Type, &place.path, message, None),
        }
    }

    fn object(&mut self, id: TypeId, value: &mut Value, place: &Place) -> Presence {
        let table = self.table;
        let object_type = table.get(id);
        let Value::Object(map) = value else { return self.mistyped(value, object_type.go_name(), place) };
        map.retain(|key, value| match object_type.field(key) {
            Some(field) => self.field(object_type, field, value, place),
            None => {
                self.unknown(object_type, &Path::Key(&place.path, key), key);
                false
            }
        });
        Presence::Something
    }

    fn unknown(&mut self, object_type: &Type, path: &Path, key: &str) {
        if self.issues.takes(IssueKind::Unknown) {
            let message = format!("unknown field {:?}", path.to_string());
            self.issue(IssueKind::Unknown, path, message, suggest(object_type, key));
        }
    }

    /// Whether the field stays.
    fn field(&mut self, owner: &Type, field: &Field, value: &mut Value, place: &Place) -> bool {
        let place = Place { path: Path::Key(&place.path, field.name), owner: Some(owner) };
        if self.value(&field.shape, value, &place) == Presence::Nothing {
            return false;
        }
        field.pointer || !is_empty(field, value)
    }

    fn list(&mut self, shape: &Shape, item: &Shape, value: &mut Value, place: &Place) -> Presence {
        let Value::Array(list) = value else { return self.mistyped(value, &self.go_type(shape), place) };
        for (index, value) in list.iter_mut().enumerate() {
            let place = Place { path: Path::Index(&place.path, index), owner: place.owner };
            if self.value(item, value, &place) == Presence::Nothing {
                *value = zero(item);
            }
        }
        Presence::Something
    }

    fn map(&mut self, shape: &Shape, item: &Shape, value: &mut Value, place: &Place) -> Presence {
        let Value::Object(map) = value else { return self.mistyped(value, &self.go_type(shape), place) };
        for (key, value) in map.iter_mut() {
            let place = Place { path: Path::Entry(&place.path, key), owner: place.owner };
            if self.value(item, value, &place) == Presence::Nothing {
                *value = zero(item);
            }
        }
        Presence::Something
    }

    fn schema_or(&mut self, shape: &Shape, value: &mut Value, place: &Place) -> Presence {
        let props = Shape::Object(self.table.by_name(SCHEMA_PROPS).expect("the table has apiextensions"));
        match (shape, &*value) {
            (_, Value::Object(_)) => self.value(&props, value, place),
            (Shape::SchemaOrBool, Value::Bool(_)) => Presence::Something,
            (Shape::SchemaOrArray, Value::Array(_)) => self.value(&Shape::List(Box::new(props)), value, place),
            (Shape::SchemaOrStrings, Value::Array(_)) => self.value(&Shape::Strings, value, place),
            (Shape::SchemaOrBool, _) => {
                self.issue(IssueKind::Type, &place.path, "boolean or JSON schema expected".to_owned(), None)
            }
            _ => self.mistyped(value, self.table.get(object_id(&props)).go_name(), place),
        }
    }

    fn mistyped(&mut self, value: &Value, go_type: &str, place: &Place) -> Presence {
        if !self.issues.takes(IssueKind::Type) {
            return Presence::Something;
        }
        let found = match value {
            Value::Null => "null".to_owned(),
            Value::Bool(_) => "bool".to_owned(),
            Value::Number(number) if go_type.starts_with("int") || go_type.starts_with("float") => {
                format!("number {number}")
            }
            Value::Number(_) => "number".to_owned(),
            Value::String(_) => "string".to_owned(),
            Value::Array(_) => "array".to_owned(),
            Value::Object(_) => "object".to_owned(),
        };
        let target = match place.owner {
            Some(owner) => {
                let name = owner.name.rsplit('.').next().unwrap_or(owner.name);
                format!("struct field {name}.{}", fields_of(&place.path))
            }
            None => "value".to_owned(),
        };
        let message = format!("json: cannot unmarshal {found} into Go {target} of type {go_type}");
        self.issue(IssueKind::Type, &place.path, message, None)
    }

    fn issue(&mut self, kind: IssueKind, path: &Path, message: String, suggestion: Option<&'static str>) -> Presence {
        if self.issues.takes(kind) {
            self.issues.push(FieldIssue {
                path: path.to_string(),
                kind,
                message,
                suggestion: suggestion.map(Into::into),
            });
        }
        Presence::Something
    }

    fn go_type(&self, shape: &Shape) -> String {
        match shape {
            Shape::String => "string".to_owned(),
            Shape::Bool => "bool".to_owned(),
            Shape::Int32 => "int32".to_owned(),
            Shape::Int64 => "int64".to_owned(),
            Shape::Float => "float64".to_owned(),
            Shape::Bytes => "[]uint8".to_owned(),
            Shape::Quantity => "resource.Quantity".to_owned(),
            Shape::IntOrString => "intstr.IntOrString".to_owned(),
            Shape::Time => "v1.Time".to_owned(),
            Shape::MicroTime => "v1.MicroTime".to_owned(),
            Shape::FieldsV1 => "v1.FieldsV1".to_owned(),
            Shape::RawExtension => "runtime.RawExtension".to_owned(),
            Shape::Json => "v1.JSON".to_owned(),
            Shape::SchemaOrArray | Shape::SchemaOrBool | Shape::SchemaOrStrings => "v1.JSONSchemaProps".to_owned(),
            Shape::Strings => "[]string".to_owned(),
            Shape::List(item) => format!("[]{}", self.go_type(item)),
            Shape::Map(item) => format!("map[string]{}", self.go_type(item)),
            Shape::Object(id) => self.table.get(*id).go_name().to_owned(),
        }
    }
}

fn object_id(shape: &Shape) -> TypeId {
    match shape {
        Shape::Object(id) => *id,
        other => unreachable!("{other:?} is no object"),
    }
}

/// The struct fields on the way, without list indexes and map keys: what Go's decoder names.
fn fields_of(path: &Path) -> String {
    match path {
        Path::Root => String::new(),
        Path::Key(Path::Root, key) => (*key).to_owned(),
        Path::Key(parent, key) => format!("{}.{key}", fields_of(parent)),
        Path::Index(parent, _) => fields_of(parent),
        Path::Entry(parent, _) | Path::Dotted(parent, _) | Path::Bracket(parent, _) | Path::Item(parent, _) => {
            fields_of(parent)
        }
    }
}

/// A value whose absence means the same: zero in an omitempty field, an empty struct held by value.
fn is_empty(field: &Field, value: &Value) -> bool {
    match value {
        Value::Object(map) if matches!(field.shape, Shape::Object(_)) => map.is_empty(),
        _ if !field.omit_empty || matches!(field.shape, Shape::Quantity | Shape::IntOrString | Shape::Json) => false,
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty() && matches!(field.shape, Shape::Map(_)),
    }
}

/// What Go holds where a list or a map has a null.
fn zero(shape: &Shape) -> Value {
    match shape {
        Shape::String | Shape::Bytes => Value::String(String::new()),
        Shape::Bool => Value::Bool(false),
        Shape::Int32 | Shape::Int64 | Shape::Float | Shape::IntOrString => 0.into(),
        Shape::Quantity => Value::String("0".to_owned()),
        Shape::List(_) | Shape::Strings => Value::Array(Vec::new()),
        Shape::Map(_) | Shape::Object(_) => Value::Object(Map::new()),
        _ => Value::Null,
    }
}

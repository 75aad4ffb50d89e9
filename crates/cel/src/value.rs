//! Values: what expressions compute with. JSON is seen through its declaration and is not copied.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::authorizer::AuthorizerValue;
use crate::decl::{Decl, ListKind, ObjectDecl};
use crate::library::Library;
use crate::times::Moment;
use crate::types::Type;

#[derive(Clone)]
pub enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(Text<'a>),
    Bytes(Arc<[u8]>),
    /// Nanoseconds.
    Duration(i64),
    Timestamp(Moment),
    List(List<'a>),
    Map(Map<'a>),
    Optional(Option<Arc<Value<'a>>>),
    Type(Type),
    Library(Arc<Library>),
    Authorizer(Arc<AuthorizerValue<'a>>),
    /// Data without a schema; only compared.
    Hidden(&'a Json),
    Object(Arc<Object<'a>>),
}

/// Borrowed from the bindings, or made by the expression.
#[derive(Clone)]
pub enum Text<'a> {
    Borrowed(&'a str),
    Shared(Arc<str>),
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Text::Borrowed(text) => text,
            Text::Shared(text) => text,
        }
    }
}

#[derive(Clone)]
pub enum List<'a> {
    Values(Arc<Vec<Value<'a>>>),
    Json { items: &'a [Json], decl: &'a Decl, kind: &'a ListKind },
}

#[derive(Clone)]
pub enum Map<'a> {
    Values(Arc<BTreeMap<Key, Value<'a>>>),
    Json { object: &'a serde_json::Map<String, Json>, view: View<'a> },
    Lazy(&'a (dyn Fields + 'a)),
}

/// How the members of a JSON object are seen.
#[derive(Clone, Copy)]
pub enum View<'a> {
    Values(&'a Decl),
    Object(&'a ObjectDecl),
}

/// Members computed when an expression asks for them, such as the variables of an admission policy.
pub trait Fields: Send + Sync {
    /// None when there is no such member.
    fn get(&self, name: &str) -> Option<Result<Value<'_>, String>>;
    fn names(&self) -> Vec<String>;
}

/// An object made by an expression: `Object{spec: ...}` or `JSONPatch{...}`.
pub struct Object<'a> {
    pub name: Arc<str>,
    pub fields: BTreeMap<String, Value<'a>>,
}

/// The keys of maps that expressions make.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    /// By its bits.
    Double(u64),
    String(Arc<str>),
}

impl Key {
    pub(crate) fn of(value: &Value<'_>) -> Option<Key> {
        Some(match value {
            Value::Null => Key::Null,
            Value::Bool(value) => Key::Bool(*value),
            Value::Int(value) => Key::Int(*value),
            Value::Uint(value) => Key::Uint(*value),
            Value::Double(value) => Key::Double(value.to_bits()),
            Value::String(text) => Key::String(Arc::from(&**text)),
            _ => return None,
        })
    }

    pub(crate) fn value<'a>(&self) -> Value<'a> {
        match self {
            Key::Null => Value::Null,
            Key::Bool(value) => Value::Bool(*value),
            Key::Int(value) => Value::Int(*value),
            Key::Uint(value) => Value::Uint(*value),
            Key::Double(bits) => Value::Double(f64::from_bits(*bits)),
            Key::String(text) => Value::String(Text::Shared(text.clone())),
        }
    }
}

impl<'a> Value<'a> {
    pub fn text(text: impl Into<Arc<str>>) -> Value<'a> {
        Value::String(Text::Shared(text.into()))
    }

    pub fn list(values: Vec<Value<'a>>) -> Value<'a> {
        Value::List(List::Values(Arc::new(values)))
    }

    pub fn some(value: Value<'a>) -> Value<'a> {
        Value::Optional(Some(Arc::new(value)))
    }

    pub(crate) fn library(value: Library) -> Value<'a> {
        Value::Library(Arc::new(value))
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// What `type(x)` gives.
    pub fn of_type(&self) -> Type {
        match self {
            Value::Null => Type::Null,
            Value::Bool(_) => Type::Bool,
            Value::Int(_) => Type::Int,
            Value::Uint(_) => Type::Uint,
            Value::Double(_) => Type::Double,
            Value::String(_) => Type::String,
            Value::Bytes(_) => Type::Bytes,
            Value::Duration(_) => Type::Duration,
            Value::Timestamp(_) => Type::Timestamp,
            Value::List(_) => Type::list(Type::Dyn),
            Value::Map(_) => Type::map(Type::Dyn, Type::Dyn),
            Value::Optional(_) => Type::optional(Type::Dyn),
            Value::Type(_) => Type::Type(None),
            Value::Library(value) => value.of_type(),
            Value::Authorizer(value) => Type::object(value.type_name()),
            Value::Hidden(_) => Type::object("unknown"),
            Value::Object(object) => Type::Object(object.name.clone()),
        }
    }

    /// The size as costs count it: characters, bytes, items or entries; 1 for all else.
    pub(crate) fn size(&self) -> u64 {
        match self {
            Value::String(text) => text.chars().count() as u64,
            Value::Bytes(bytes) => bytes.len() as u64,
            Value::List(list) => list.len() as u64,
            Value::Map(map) => map.len() as u64,
            Value::Library(value) => value.size(),
            Value::Optional(Some(inner)) => inner.size(),
            _ => 1,
        }
    }

    /// Whether it is the empty value of its type.
    pub(crate) fn is_zero(&self) -> bool {
        match self {
            Value::Null => true,
            Value::Bool(value) => !value,
            Value::Int(value) => *value == 0,
            Value::Uint(value) => *value == 0,
            Value::Double(value) => *value == 0.0,
            Value::Duration(nanos) => *nanos == 0,
            Value::String(text) => text.is_empty(),
            Value::Bytes(bytes) => bytes.is_empty(),
            Value::List(list) => list.is_empty(),
            Value::Map(map) => map.is_empty(),
            Value::Optional(inner) => inner.is_none(),
            Value::Timestamp(at) => at.at == crate::times::FIRST,
            _ => false,
        }
    }
}

impl<'a> List<'a> {
    pub fn len(&self) -> usize {
        match self {
            List::Values(values) => values.len(),
            List::Json { items, .. } => items.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The item at an index, or what is wrong with the data there.
    pub fn get(&self, index: usize) -> Option<Result<Value<'a>, String>> {
        match self {
            List::Values(values) => values.get(index).cloned().map(Ok),
            List::Json { items, decl, .. } => items.get(index).map(|item| crate::bind::view(item, decl)),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Result<Value<'a>, String>> + '_ {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    pub(crate) fn values(&self) -> Result<Vec<Value<'a>>, String> {
        self.iter().collect()
    }
}

impl<'a> Map<'a> {
    pub fn len(&self) -> usize {
        match self {
            Map::Values(values) => values.len(),
            Map::Json { object, .. } => object.len(),
            Map::Lazy(fields) => fields.names().len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The member of a key, if there is one.
    pub fn find(&self, key: &Value<'_>) -> Option<Result<Value<'a>, String>> {
        match (self, key) {
            (Map::Values(values), _) => find_key(values, key).map(|value| Ok(value.clone())),
            (Map::Json { object, view }, Value::String(name)) => crate::bind::member(object, *view, name),
            (Map::Lazy(fields), Value::String(name)) => fields.get(name),
            _ => Some(Err("no such overload".to_owned())),
        }
    }

    pub fn keys(&self) -> Vec<Value<'a>> {
        match self {
            Map::Values(values) => values.keys().map(Key::value).collect(),
            Map::Json { object, view: View::Values(_) } => {
                object.keys().map(|key| Value::String(Text::Borrowed(key))).collect()
            }
            Map::Json { object, view: View::Object(decl) } => object
                .keys()
                .filter_map(|key| decl.fields.get(key))
                .filter_map(|field| field.identifier.as_deref().map(|name| Value::String(Text::Borrowed(name))))
                .collect(),
            Map::Lazy(fields) => fields.names().into_iter().map(Value::text).collect(),
        }
    }
}

/// Finds a key; numbers of different types that are equal are the same key.
fn find_key<'v, 'a>(values: &'v BTreeMap<Key, Value<'a>>, key: &Value<'_>) -> Option<&'v Value<'a>> {
    let exact = Key::of(key)?;
    if let Some(found) = values.get(&exact) {
        return Some(found);
    }
    let (int, uint, double) = match exact {
        Key::Int(value) => (None, u64::try_from(value).ok(), Some(value as f64)),
        Key::Uint(value) => (i64::try_from(value).ok(), None, Some(value as f64)),
        Key::Double(bits) => {
            let value = f64::from_bits(bits);
            let int = (value.fract() == 0.0 && value.abs() < 9.2e18).then_some(value as i64);
            (int, int.and_then(|int| u64::try_from(int).ok()), None)
        }
        _ => return None,
    };
    int.and_then(|value| values.get(&Key::Int(value)))
        .or_else(|| uint.and_then(|value| values.get(&Key::Uint(value))))
        .or_else(|| double.and_then(|value| values.get(&Key::Double(value.to_bits()))))
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::show::show(self))
    }
}

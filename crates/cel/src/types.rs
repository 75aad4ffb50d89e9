//! The types of expressions: what the checker computes with and what `type(x)` gives.

use std::fmt;
use std::sync::Arc;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Type {
    /// What a wrong expression has; fits everywhere, so that one mistake is told once.
    Error,
    Dyn,
    Null,
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Duration,
    Timestamp,
    List(Arc<Type>),
    Map(Arc<Type>, Arc<Type>),
    /// An object with declared fields, or one of the libraries' (kubernetes.URL), by name.
    Object(Arc<str>),
    /// A type of a library that is no object, with its parameters: optional_type, net.IP.
    Opaque(Arc<str>, Vec<Type>),
    /// The type of a type.
    Type(Option<Arc<Type>>),
    /// A parameter of a function's signature, or a type not known yet.
    Param(Arc<str>),
}

impl Type {
    pub fn list(items: Type) -> Type {
        Type::List(Arc::new(items))
    }

    pub fn map(keys: Type, values: Type) -> Type {
        Type::Map(Arc::new(keys), Arc::new(values))
    }

    pub fn optional(inner: Type) -> Type {
        Type::Opaque("optional_type".into(), vec![inner])
    }

    pub fn object(name: &str) -> Type {
        Type::Object(name.into())
    }

    pub(crate) fn unwrap_optional(&self) -> Option<&Type> {
        match self {
            Type::Opaque(name, params) if &**name == "optional_type" => params.first(),
            _ => None,
        }
    }

    pub(crate) fn is_dyn(&self) -> bool {
        matches!(self, Type::Dyn)
    }

    pub(crate) fn is_dyn_or_error(&self) -> bool {
        matches!(self, Type::Dyn | Type::Error)
    }

    /// Whether every value has the size 1.
    pub(crate) fn is_scalar(&self) -> bool {
        match self {
            Type::Bool | Type::Double | Type::Duration | Type::Int | Type::Timestamp | Type::Uint => true,
            other => other.unwrap_optional().is_some_and(Type::is_scalar),
        }
    }

    /// The name without parameters, as `type(x)` prints it.
    pub(crate) fn name(&self) -> &str {
        match self {
            Type::Error => "!error!",
            Type::Dyn => "dyn",
            Type::Null => "null_type",
            Type::Bool => "bool",
            Type::Int => "int",
            Type::Uint => "uint",
            Type::Double => "double",
            Type::String => "string",
            Type::Bytes => "bytes",
            Type::Duration => "google.protobuf.Duration",
            Type::Timestamp => "google.protobuf.Timestamp",
            Type::List(_) => "list",
            Type::Map(..) => "map",
            Type::Object(name) | Type::Opaque(name, _) | Type::Param(name) => name,
            Type::Type(_) => "type",
        }
    }

    /// The type as upstream's complaints about results write it.
    pub fn declared(&self) -> String {
        match self {
            Type::List(items) => format!("list({})", items.declared()),
            Type::Map(keys, values) => format!("map({}, {})", keys.declared(), values.declared()),
            Type::Opaque(name, params) if !params.is_empty() => {
                format!("{name}({})", params.iter().map(Type::declared).collect::<Vec<_>>().join(", "))
            }
            Type::Type(Some(inner)) => format!("type({})", inner.declared()),
            other => other.name().to_owned(),
        }
    }

    /// The type that `int`, `list` or `google.protobuf.Duration` names in an expression.
    pub(crate) fn named(name: &str) -> Option<Type> {
        Some(match name {
            "bool" => Type::Bool,
            "bytes" => Type::Bytes,
            "double" => Type::Double,
            "google.protobuf.Duration" => Type::Duration,
            "google.protobuf.Timestamp" => Type::Timestamp,
            "int" => Type::Int,
            "list" => Type::list(Type::Dyn),
            "map" => Type::map(Type::Dyn, Type::Dyn),
            "null_type" => Type::Null,
            "string" => Type::String,
            "type" => Type::Type(None),
            "uint" => Type::Uint,
            "optional_type" => Type::optional(Type::Dyn),
            "net.IP" | "net.CIDR" => Type::Opaque(name.into(), Vec::new()),
            _ => return None,
        })
    }

    /// Reads the notation of `functions.tsv`.
    pub(crate) fn parse(text: &str) -> Type {
        let (name, params) = match text.split_once('<') {
            Some((name, rest)) => (name, split_params(rest.strip_suffix('>').unwrap_or(rest))),
            None => (text, Vec::new()),
        };
        let mut params = params.into_iter().map(Type::parse);
        match name {
            "dyn" => Type::Dyn,
            "duration" => Type::Duration,
            "timestamp" => Type::Timestamp,
            "list" => Type::list(params.next().unwrap_or(Type::Dyn)),
            "map" => Type::map(params.next().unwrap_or(Type::Dyn), params.next().unwrap_or(Type::Dyn)),
            "type" => Type::Type(params.next().map(Arc::new)),
            _ => match name.as_bytes().first() {
                Some(b'$') => Type::Param(name[1..].into()),
                Some(b'&') => Type::Object(name[1..].into()),
                Some(b'#') => Type::Opaque(name[1..].into(), Vec::new()),
                _ => Type::named(name)
                    .filter(|_| name != "optional_type")
                    .unwrap_or_else(|| Type::Opaque(name.into(), params.collect())),
            },
        }
    }
}

fn split_params(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0, 0);
    for (index, character) in text.char_indices() {
        match character {
            '<' => depth += 1,
            '>' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Null => f.write_str("null"),
            Type::Duration => f.write_str("duration"),
            Type::Timestamp => f.write_str("timestamp"),
            Type::List(items) => write!(f, "list({items})"),
            Type::Map(keys, values) => write!(f, "map({keys}, {values})"),
            Type::Opaque(name, params) if !params.is_empty() => write!(f, "{name}({})", join(params)),
            Type::Type(Some(inner)) => write!(f, "type({inner})"),
            other => f.write_str(other.name()),
        }
    }
}

pub(crate) fn join(types: &[Type]) -> String {
    types.iter().map(Type::to_string).collect::<Vec<_>>().join(", ")
}

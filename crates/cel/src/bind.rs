//! JSON as values, through declarations: nothing is copied until an expression looks at it.

use base64::Engine;
use serde_json::Value as Json;

use crate::decl::{Decl, DeclKind, ListKind};
use crate::times::{parse_date, parse_timestamp, parse_worded_duration};
use crate::value::{List, Map, Text, Value, View};

static ANY: Decl = Decl { kind: DeclKind::Dyn, max_elements: 0, min_size: 1, nullable: true };

/// A JSON value as its declaration sees it, or what is wrong with it.
pub fn view<'a>(json: &'a Json, decl: &'a Decl) -> Result<Value<'a>, String> {
    if json.is_null() {
        return match decl.kind {
            DeclKind::Dyn => Ok(Value::Null),
            DeclKind::Optional(_) => Ok(Value::Optional(None)),
            _ if decl.nullable => Ok(Value::Null),
            _ => Err("invalid data, got null for schema with nullable=false".to_owned()),
        };
    }
    match &decl.kind {
        DeclKind::Dyn | DeclKind::Of(_) => Ok(any(json)),
        DeclKind::Hidden => Ok(Value::Hidden(json)),
        DeclKind::IntOrString => match json {
            Json::String(text) => Ok(Value::String(Text::Borrowed(text))),
            Json::Number(number) if number.is_i64() => Ok(any(json)),
            _ => Err("invalid data, expected XIntOrString value to be either a string or integer".to_owned()),
        },
        DeclKind::Bool => json.as_bool().map(Value::Bool).ok_or_else(|| expected("bool", json)),
        DeclKind::Int => json.as_i64().map(Value::Int).ok_or_else(|| expected("int", json)),
        DeclKind::Double => json.as_f64().map(Value::Double).ok_or_else(|| expected("float", json)),
        DeclKind::List { items, kind } => match json {
            Json::Array(elements) => Ok(Value::List(List::Json { items: elements, decl: items, kind })),
            _ => Err("invalid data, expected an array for the provided schema with type=array".to_owned()),
        },
        DeclKind::Map(values) => object(json, View::Values(values)),
        DeclKind::Object(fields) => object(json, View::Object(fields)),
        DeclKind::Optional(inner) => view(json, inner).map(Value::some),
        _ => text(json.as_str().ok_or_else(|| expected("string", json))?, &decl.kind),
    }
}

fn object<'a>(json: &'a Json, view: View<'a>) -> Result<Value<'a>, String> {
    match json {
        Json::Object(object) => Ok(Value::Map(Map::Json { object, view })),
        _ => Err("invalid data, expected a map for the provided schema with type=object".to_owned()),
    }
}

fn text<'a>(text: &'a str, kind: &DeclKind) -> Result<Value<'a>, String> {
    Ok(match kind {
        DeclKind::Duration => {
            let nanos = parse_worded_duration(text)
                .ok_or_else(|| format!("Invalid duration {text}: unable to parse {text:?} as a duration"))?;
            Value::Duration(nanos)
        }
        DeclKind::Timestamp => {
            Value::Timestamp(parse_timestamp(text).ok_or_else(|| format!("Invalid date-time formatted string {text}"))?)
        }
        DeclKind::Date => {
            Value::Timestamp(parse_date(text).ok_or_else(|| format!("Invalid date formatted string {text}"))?)
        }
        DeclKind::Bytes => {
            let bytes = base64::engine::general_purpose::STANDARD.decode(text);
            Value::Bytes(bytes.map_err(|error| format!("Invalid byte formatted string {text}: {error}"))?.into())
        }
        _ => Value::String(Text::Borrowed(text)),
    })
}

fn expected(wanted: &str, json: &Json) -> String {
    let found = match json {
        Json::Null => "<nil>",
        Json::Bool(_) => "bool",
        Json::Number(number) if number.is_i64() => "int64",
        Json::Number(_) => "float64",
        Json::String(_) => "string",
        Json::Array(_) => "[]interface {}",
        Json::Object(_) => "map[string]interface {}",
    };
    format!("invalid data, expected {wanted}, got {found}")
}

/// JSON without a declaration. Numbers are int where they are written as such and fit.
pub fn any(json: &Json) -> Value<'_> {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(value) => Value::Int(value),
            None => Value::Double(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Value::String(Text::Borrowed(text)),
        Json::Array(items) => Value::List(List::Json { items, decl: &ANY, kind: &ListKind::Atomic }),
        Json::Object(object) => Value::Map(Map::Json { object, view: View::Values(&ANY) }),
    }
}

/// Whether a list or an object with a schema, or a value of a library, is compared with something else: upstream makes an error of it.
pub(crate) fn refuses(left: &Value<'_>, right: &Value<'_>) -> bool {
    match (left, right) {
        (_, Value::Null) => false,
        (Value::List(List::Json { decl, .. }), right) => !std::ptr::eq(*decl, &ANY) && !matches!(right, Value::List(_)),
        (Value::Map(Map::Json { view: View::Values(decl), .. }), right) => {
            !std::ptr::eq(*decl, &ANY) && !matches!(right, Value::Map(_))
        }
        (Value::Map(Map::Json { .. }), right) => !matches!(right, Value::Map(_)),
        (Value::Library(left), right) => left.of_type() != right.of_type(),
        _ => false,
    }
}

/// The member that an expression names.
pub(crate) fn member<'a>(
    object: &'a serde_json::Map<String, Json>,
    seen: View<'a>,
    name: &str,
) -> Option<Result<Value<'a>, String>> {
    match seen {
        View::Values(decl) => object.get(name).map(|json| view(json, decl)),
        View::Object(decl) => {
            let json_name = crate::escape::unescape(name)?;
            let json = object.get(&json_name).filter(|json| !json.is_null())?;
            decl.fields.get(&json_name).map(|field| view(json, &field.decl))
        }
    }
}

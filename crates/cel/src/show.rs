//! Values as text, with their types where the text alone would not tell: for messages and tests.

use base64::Engine;

use crate::convert::show_double;
use crate::library::Library;
use crate::value::Value;

pub fn show(value: &Value<'_>) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Uint(value) => format!("{value}u"),
        Value::Double(value) => format!("double({})", show_double(*value)),
        Value::String(text) => serde_json::Value::from(&**text).to_string(),
        Value::Bytes(bytes) => format!("bytes({})", base64::engine::general_purpose::STANDARD.encode(bytes)),
        Value::Duration(nanos) => format!("duration({nanos})"),
        Value::Timestamp(moment) => format!("timestamp({}Z)", moment.at),
        Value::List(list) => {
            let items: Vec<String> =
                list.iter().map(|item| item.map_or_else(|error| error, |item| show(&item))).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(map) => {
            let member = |key: &Value<'_>| match map.find(key) {
                Some(Ok(value)) => Some(format!("{}: {}", show(key), show(&value))),
                _ => None,
            };
            let mut entries: Vec<String> = map.keys().iter().filter_map(member).collect();
            entries.sort();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Optional(None) => "none".to_owned(),
        Value::Optional(Some(inner)) => format!("some({})", show(inner)),
        Value::Type(of) => format!("type({})", of.name()),
        Value::Library(value) => library(value),
        Value::Authorizer(value) => format!("object({})", value.type_name()),
        Value::Hidden(json) => json.to_string(),
        Value::Object(object) if &*object.name == "JSONPatch" => {
            let field = |name: &str| object.fields.get(name).map(plain).unwrap_or_default();
            let value = object.fields.get("value").map_or_else(|| "none".to_owned(), show);
            format!("patch({} {} {} {value})", field("op"), field("path"), field("from"))
        }
        Value::Object(object) => {
            let json = crate::mutation::to_json(value).map_or_else(|error| error, |json| json.to_string());
            let names: String = object.misnamed().iter().map(|complaint| format!(" {complaint}")).collect();
            format!("object({} {json}{names})", object.name)
        }
    }
}

fn library(value: &Library) -> String {
    match value {
        Library::Quantity(quantity) => format!("quantity({})", show_double(quantity.float())),
        Library::Url(url) => format!("url({})", url.text),
        Library::Ip(address) => format!("ip({address})"),
        Library::Cidr(cidr) => format!("cidr({cidr})"),
        Library::Semver(version) => format!("semver({})", version.text),
        Library::Format(format) => format!("format({})", format.name),
    }
}

/// A value as error messages write it.
pub(crate) fn plain(value: &Value<'_>) -> String {
    match value {
        Value::String(text) => text.to_string(),
        Value::Uint(value) => value.to_string(),
        Value::Double(value) => show_double(*value),
        other => show(other),
    }
}

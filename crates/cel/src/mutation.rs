//! What mutating policies make: objects to apply, and JSON patches.

use base64::Engine;
use serde_json::{Map as JsonMap, Number, Value as Json};

use crate::times::{show_duration, show_timestamp};
use crate::value::{Key, List, Map, Object, Value};

/// A value as JSON; what is wrong with it when it has no such form.
pub fn to_json(value: &Value<'_>) -> Result<Json, String> {
    Ok(match value {
        Value::Null | Value::Optional(None) => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(value) => Json::from(*value),
        Value::Uint(value) => Json::from(*value),
        Value::Double(value) => {
            Json::Number(Number::from_f64(*value).ok_or_else(|| format!("{value} has no form in JSON"))?)
        }
        Value::String(text) => Json::from(&**text),
        Value::Bytes(bytes) => Json::String(base64::engine::general_purpose::STANDARD.encode(bytes)),
        Value::Duration(nanos) => Json::String(show_duration(*nanos)),
        Value::Timestamp(at) => Json::String(show_timestamp(*at)),
        Value::Optional(Some(inner)) => to_json(inner)?,
        Value::Hidden(json) => (*json).clone(),
        Value::List(list) => Json::Array(list.iter().map(|item| to_json(&item?)).collect::<Result<_, _>>()?),
        Value::Map(Map::Json { object, .. }) => Json::Object((*object).clone()),
        Value::Map(map) => Json::Object(members(map)?),
        Value::Object(object) => Json::Object(
            object
                .fields
                .iter()
                .map(|(name, value)| Ok((name.clone(), to_json(value)?)))
                .collect::<Result<JsonMap<_, _>, String>>()?,
        ),
        other => return Err(format!("a value of type {} has no form in JSON", other.of_type().name())),
    })
}

fn members(map: &Map<'_>) -> Result<JsonMap<String, Json>, String> {
    let mut members = JsonMap::new();
    for key in map.keys() {
        let Some(Key::String(name)) = Key::of(&key) else {
            return Err(format!(
                "map key {} is of type {}, not string",
                crate::show::plain(&key),
                key.of_type().name()
            ));
        };
        if let Some(value) = map.find(&key) {
            members.insert(name.to_string(), to_json(&value?)?);
        }
    }
    Ok(members)
}

impl Object<'_> {
    /// Complaints about objects whose type names do not follow the path of fields to them, such as `Object{spec: Object.status{}}`.
    pub fn misnamed(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        check_object(self, &self.name, &mut complaints);
        complaints
    }
}

fn check(value: &Value<'_>, path: &str, complaints: &mut Vec<String>) {
    match value {
        Value::Object(object) => check_object(object, path, complaints),
        Value::List(List::Values(values)) => values.iter().for_each(|value| check(value, path, complaints)),
        Value::Map(Map::Values(values)) => values.values().for_each(|value| check(value, path, complaints)),
        _ => {}
    }
}

fn check_object(object: &Object<'_>, path: &str, complaints: &mut Vec<String>) {
    if *object.name != *path {
        complaints.push(format!(
            "unexpected type name {:?}, expected {path:?}, which matches field name path from root Object type",
            &*object.name
        ));
    }
    for (name, value) in &object.fields {
        check(value, &format!("{path}.{name}"), complaints);
    }
}

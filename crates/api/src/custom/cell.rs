//! A printer column of a definition: a JSONPath and the type its value is shown as.

use jiff::Timestamp;
use serde_json::{Number, Value};

use crate::json_path::JsonPath;
use crate::kind::TableContext;
use crate::printer::human_duration;

/// Where the value is, and as what it is shown.
#[derive(Clone, Debug)]
pub struct PathCell {
    path: JsonPath,
    kind: &'static str,
}

impl PathCell {
    /// `None`: the path cannot be read.
    pub(super) fn new(path: &str, kind: &'static str) -> Option<Self> {
        JsonPath::parse(path).ok().map(|path| Self { path, kind })
    }

    /// The first value the path leads to; null where it has another type than the column.
    pub fn show(&self, object: &Value, context: &TableContext) -> Value {
        let Some(value) = self.path.first(object) else { return Value::Null };
        match (self.kind, value) {
            (_, Value::Null) => Value::Null,
            ("string", Value::String(text)) => text.as_str().into(),
            ("string", other) => other.to_string().into(),
            ("integer", Value::Number(number)) => whole(number).map_or(Value::Null, Value::from),
            ("number", Value::Number(_)) | ("boolean", Value::Bool(_)) => value.clone(),
            ("date", Value::String(text)) => since(text, context.now).into(),
            _ => Value::Null,
        }
    }
}

fn whole(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| number.as_f64().map(|float| float as i64))
}

fn since(text: &str, now: Timestamp) -> String {
    match text.parse::<Timestamp>() {
        _ if text.is_empty() => "<unknown>".to_owned(),
        Ok(time) => human_duration(now.duration_since(time).as_secs()),
        Err(_) => "<invalid>".to_owned(),
    }
}

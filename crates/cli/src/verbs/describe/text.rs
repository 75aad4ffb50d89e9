//! The text of a description: indented lines of cells, and the shapes that many kinds share.

use std::fmt::Display;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::output::align;

/// Lines under way. Cells are divided by tabs and aligned at the end.
#[derive(Default)]
pub struct Text {
    text: String,
}

impl Text {
    /// A line, indented by twice `level` spaces.
    pub fn line(&mut self, level: usize, line: impl Display) {
        self.text.push_str(&format!("{}{line}\n", "  ".repeat(level)));
    }

    /// `Name:<tab>value`.
    pub fn field(&mut self, level: usize, name: &str, value: impl Display) {
        self.line(level, format_args!("{name}:\t{value}"));
    }

    /// A field for a text that is left out when it is empty.
    pub fn field_if(&mut self, level: usize, name: &str, value: &str) {
        if !value.is_empty() {
            self.field(level, name, value);
        }
    }

    /// Text as it is.
    pub fn raw(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// `Labels:`, one a line, sorted.
    pub fn map(&mut self, level: usize, name: &str, map: &Value) {
        let mut entries: Vec<String> =
            map.as_object().into_iter().flatten().map(|(key, value)| format!("{key}={}", show(value))).collect();
        entries.sort();
        self.several(level, name, &entries);
    }

    /// A field with one value a line.
    pub fn several(&mut self, level: usize, name: &str, values: &[String]) {
        if values.is_empty() {
            return self.field(level, name, "<none>");
        }
        for (at, value) in values.iter().enumerate() {
            let (name, level) = if at == 0 { (format!("{name}:"), level) } else { (String::new(), 0) };
            self.line(level, format_args!("{name}\t{value}"));
        }
    }

    /// `Annotations:`: short ones stand beside their key, long ones and those of several lines below it.
    pub fn annotations(&mut self, level: usize, name: &str, map: &Value) {
        let mut entries: Vec<(&String, &str)> = map
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(key, _)| key.as_str() != "kubectl.kubernetes.io/last-applied-configuration")
            .map(|(key, value)| (key, value.as_str().unwrap_or_default()))
            .collect();
        entries.sort();
        if entries.is_empty() {
            return self.field(level, name, "<none>");
        }
        for (at, (key, value)) in entries.into_iter().enumerate() {
            let (name, level) = if at == 0 { (format!("{name}:"), level) } else { (String::new(), 0) };
            let value = value.strip_suffix('\n').unwrap_or(value);
            if (value.len() + key.len() + 2) < 140 && !value.contains('\n') {
                self.line(level, format_args!("{name}\t{key}: {value}"));
                continue;
            }
            self.line(level, format_args!("{name}\t{key}:"));
            for line in value.lines() {
                let short: String = line.chars().take(140).collect();
                let more = if line.chars().count() > 140 { "..." } else { "" };
                self.line(level, format_args!("\t  {short}{more}"));
            }
        }
    }

    /// The lines as they were written, tabs and all.
    pub fn unaligned(self) -> String {
        self.text
    }

    /// The whole, aligned.
    pub fn finish(self) -> String {
        align(&self.text)
    }
}

/// The value at a path of field names joined by dots.
pub fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(value, |value, field| &value[field])
}

/// The text at a path; nothing where it is missing.
pub fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    at(value, path).as_str().unwrap_or_default()
}

/// The number at a path; 0 where it is missing.
pub fn number(value: &Value, path: &str) -> i64 {
    at(value, path).as_i64().unwrap_or_default()
}

/// The flag at a path.
pub fn flag(value: &Value, path: &str) -> bool {
    at(value, path).as_bool().unwrap_or_default()
}

/// The list at a path.
pub fn items<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    at(value, path).as_array().map_or(&[], Vec::as_slice)
}

/// The texts of the list at a path.
pub fn texts(value: &Value, path: &str) -> Vec<String> {
    items(value, path).iter().map(show).collect()
}

/// A value as text: strings bare, null as nothing.
pub fn show(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// `<none>` for nothing.
pub fn or_none(text: &str) -> &str {
    if text.is_empty() { "<none>" } else { text }
}

/// `Fri, 02 Jan 2026 03:04:05 +0000` in the machine's time zone.
pub fn date(time: &str) -> String {
    let Ok(time) = time.parse::<Timestamp>() else { return "<unset>".to_owned() };
    time.to_zoned(zone()).strftime("%a, %d %b %Y %H:%M:%S %z").to_string()
}

/// The machine's time zone; transcripts are in UTC.
pub fn zone() -> TimeZone {
    if cfg!(test) { TimeZone::UTC } else { TimeZone::system() }
}

/// `True`, `False`.
pub fn capital(flag: bool) -> &'static str {
    if flag { "True" } else { "False" }
}

/// A label selector as kubectl writes it: `app=web,tier in (a,b),!old`.
pub fn selector(selector: &Value) -> String {
    if selector.is_null() {
        return "<none>".to_owned();
    }
    let mut parts: Vec<String> = at(selector, "matchLabels")
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", show(value)))
        .collect();
    parts.sort();
    for expression in items(selector, "matchExpressions") {
        let (key, mut values) = (text(expression, "key"), texts(expression, "values"));
        values.sort();
        parts.push(match text(expression, "operator") {
            "In" => format!("{key} in ({})", values.join(",")),
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "Exists" => key.to_owned(),
            _ => format!("!{key}"),
        });
    }
    if parts.is_empty() { "<none>".to_owned() } else { parts.join(",") }
}

/// `a=b,c=d`, sorted; `<none>` for an empty map.
pub fn pairs(map: &Value) -> String {
    let mut pairs: Vec<String> =
        map.as_object().into_iter().flatten().map(|(key, value)| format!("{key}={}", show(value))).collect();
    pairs.sort();
    if pairs.is_empty() { "<none>".to_owned() } else { pairs.join(",") }
}

/// `ReplicaSet/web-1` of the owner that is in control.
pub fn controller(object: &Value) -> Option<String> {
    let owner = items(object, "metadata.ownerReferences").iter().find(|owner| flag(owner, "controller"))?;
    Some(format!("{}/{}", text(owner, "kind"), text(owner, "name")))
}

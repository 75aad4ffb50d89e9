//! kubectl's templates over JSONPath: text, `{...}`, `range`/`end`.

pub use api::json_path::JsonPath;
use api::json_path::unquote;
use serde_json::Value;

use crate::error::{Error, Result, usage};

/// A part of a template.
#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Path(JsonPath),
    Range(JsonPath, Vec<Part>),
}

/// A parsed template.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    parts: Vec<Part>,
}

/// Parses `text {.path} {range .items[*]}...{end}`.
pub fn template(text: &str) -> Result<Template> {
    let mut rest = text;
    let parts = parse_parts(&mut rest, false)?;
    Ok(Template { parts })
}

fn parse_parts(rest: &mut &str, within_range: bool) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    loop {
        let Some(open) = rest.find('{') else {
            if within_range {
                return usage("unterminated range: {end} is missing");
            }
            push_text(&mut parts, rest);
            *rest = "";
            return Ok(parts);
        };
        push_text(&mut parts, &rest[..open]);
        let close =
            closing(&rest[open..]).ok_or_else(|| Error::Use(format!("unclosed action in jsonpath {rest:?}")))?;
        let action = rest[open + 1..open + close].trim();
        *rest = &rest[open + close + 1..];
        match action {
            "end" if within_range => return Ok(parts),
            "end" => return usage("not in range, nothing to end"),
            _ if action.starts_with("range ") => {
                let path = JsonPath::parse(action["range ".len()..].trim())?;
                parts.push(Part::Range(path, parse_parts(rest, true)?));
            }
            _ if action.starts_with('"') || action.starts_with('\'') => push_text(&mut parts, &unquote(action)),
            _ => {
                for (at, path) in words(action).into_iter().enumerate() {
                    if at > 0 {
                        push_text(&mut parts, " ");
                    }
                    parts.push(Part::Path(JsonPath::parse(path)?));
                }
            }
        }
    }
}

/// Splits at white space that stands outside quotes and brackets.
fn words(action: &str) -> Vec<&str> {
    let (mut words, mut start, mut depth, mut quote) = (Vec::new(), 0, 0, None);
    for (at, letter) in action.char_indices() {
        match (quote, letter) {
            (Some(open), letter) if open == letter => quote = None,
            (None, '"' | '\'') => quote = Some(letter),
            (None, '[' | '(') => depth += 1,
            (None, ']' | ')') => depth -= 1,
            (None, letter) if letter.is_whitespace() && depth == 0 => {
                words.push(&action[start..at]);
                start = at + letter.len_utf8();
            }
            _ => {}
        }
    }
    words.push(&action[start..]);
    words.retain(|word| !word.is_empty());
    words
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    if !text.is_empty() {
        parts.push(Part::Text(text.to_owned()));
    }
}

/// Offset of the `}` that closes the `{` at 0, quotes respected.
fn closing(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), letter) if open == letter => quote = None,
            (None, '"' | '\'') => quote = Some(letter),
            (None, '}') => return Some(at),
            _ => {}
        }
    }
    None
}

impl Template {
    /// The text for a value.
    pub fn render(&self, value: &Value) -> Result<String> {
        let mut text = String::new();
        render(&self.parts, value, &mut text);
        Ok(text)
    }
}

fn render(parts: &[Part], value: &Value, out: &mut String) {
    for part in parts {
        match part {
            Part::Text(text) => out.push_str(text),
            Part::Path(path) => {
                let found: Vec<String> = path.find(value).into_iter().map(text).collect();
                out.push_str(&found.join(" "));
            }
            Part::Range(path, inner) => path.find(value).into_iter().for_each(|item| render(inner, item, out)),
        }
    }
}

/// A found value as it is printed: strings bare, everything else as JSON.
pub(super) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Templates and results of the examples on kubernetes.io/docs/reference/kubectl/jsonpath.
    #[test]
    fn the_documented_examples() {
        let input = json!({
            "kind": "List",
            "items": [
                {"kind": "None", "metadata": {"name": "127.0.0.1", "labels": {"kubernetes.io/hostname": "127.0.0.1"}},
                 "status": {"capacity": {"cpu": "4"}, "addresses": [{"type": "LegacyHostIP", "address": "127.0.0.1"}]}},
                {"kind": "None", "metadata": {"name": "127.0.0.2"},
                 "status": {"capacity": {"cpu": "8"}, "addresses": [{"type": "LegacyHostIP", "address": "127.0.0.2"},
                                                                     {"type": "another", "address": "127.0.0.3"}]}},
            ],
            "users": [{"name": "myself", "user": {}},
                      {"name": "e2e", "user": {"username": "admin", "password": "secret"}}],
        });
        let cases = [
            ("kind is {.kind}", "kind is List"),
            ("{['kind']}", "List"),
            ("{..name}", "127.0.0.1 127.0.0.2 myself e2e"),
            ("{.items[*].metadata.name}", "127.0.0.1 127.0.0.2"),
            ("{.users[0].name}", "myself"),
            ("{.items[*]['metadata.name', 'status.capacity']}", r#"127.0.0.1 127.0.0.2 {"cpu":"4"} {"cpu":"8"}"#),
            (r#"{.users[?(@.name=="e2e")].user.password}"#, "secret"),
            (r#"{range .items[*]}[{.metadata.name}, {.status.capacity.cpu}] {end}"#, "[127.0.0.1, 4] [127.0.0.2, 8] "),
            (r#"{.items[0].metadata.labels.kubernetes\.io/hostname}"#, "127.0.0.1"),
            (r#"{range .items[*]}{.metadata.name}{"\n"}{end}"#, "127.0.0.1\n127.0.0.2\n"),
            ("{.items[-1].metadata.name}", "127.0.0.2"),
            ("{.items[0:1].metadata.name}", "127.0.0.1"),
        ];
        for (path, expected) in cases {
            let rendered = template(path).expect(path).render(&input).expect(path);
            assert_eq!(rendered, expected, "{path}");
        }
        for bad in ["{.a", "{range .a}", "{end}", "{.a[x]}"] {
            assert!(template(bad).is_err(), "{bad}");
        }
    }
}

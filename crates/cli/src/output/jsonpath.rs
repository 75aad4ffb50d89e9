//! kubectl's JSONPath: templates with `{...}`, fields, indexes, slices, filters, unions, `range`/`end`, recursive descent.

use serde_json::Value;

use crate::error::{Error, Result, usage};

/// One step of a path.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(String),
    /// `[a:b:c]`; a plain index is `[i:i+1]`.
    Slice(Option<i64>, Option<i64>),
    Wildcard,
    Descend,
    /// `[?(@.path op value)]`
    Filter(JsonPath, Option<(String, Operand)>),
    /// `['a', 'b.c']`: all values of the first path, then all of the second.
    Union(Vec<JsonPath>),
}

#[derive(Clone, Debug, PartialEq)]
enum Operand {
    Literal(Value),
    Path(JsonPath),
}

/// A parsed path.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonPath {
    steps: Vec<Step>,
}

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

fn unquote(text: &str) -> String {
    let inner = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
    inner.replace("\\n", "\n").replace("\\t", "\t").replace("\\\"", "\"").replace("\\'", "'").replace("\\\\", "\\")
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

impl JsonPath {
    /// Parses `.a.b[0]`, `{.a}`, `$.a`, `a.b`.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')).unwrap_or(text);
        let mut rest = text.trim_start_matches('$').trim_start_matches('@');
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix("..") {
                steps.push(Step::Descend);
                rest = after;
                if rest.starts_with('[') {
                    continue;
                }
            } else if let Some(after) = rest.strip_prefix('[') {
                let close = bracket_end(after).ok_or_else(|| Error::Use(format!("unterminated array in {text:?}")))?;
                steps.push(bracket(&after[..close])?);
                rest = &after[close + 1..];
                continue;
            } else {
                rest = rest.strip_prefix('.').unwrap_or(rest);
            }
            let (name, after) = field(rest);
            rest = after;
            match name.as_str() {
                "" => {}
                "*" => steps.push(Step::Wildcard),
                _ => steps.push(Step::Field(name)),
            }
        }
        Ok(Self { steps })
    }

    /// Everything the path leads to.
    pub fn find<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        self.steps.iter().fold(vec![value], |found, step| match step {
            Step::Union(paths) => {
                paths.iter().flat_map(|path| found.iter().flat_map(|value| path.find(value))).collect()
            }
            step => found.into_iter().flat_map(|value| step.apply(value)).collect(),
        })
    }
}

/// A field name up to the next `.` or `[`; `\.` is a dot of the name.
fn field(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => name.extend(letters.next().map(|(_, escaped)| escaped)),
            '.' | '[' => return (name, &text[at..]),
            _ => name.push(letter),
        }
    }
    (name, "")
}

fn bracket_end(text: &str) -> Option<usize> {
    let (mut depth, mut quote) = (0, None);
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), letter) if open == letter => quote = None,
            (None, '"' | '\'') => quote = Some(letter),
            (None, '[' | '(') => depth += 1,
            (None, ')') => depth -= 1,
            (None, ']') if depth == 0 => return Some(at),
            (None, ']') => depth -= 1,
            _ => {}
        }
    }
    None
}

fn bracket(inner: &str) -> Result<Step> {
    let inner = inner.trim();
    if inner == "*" {
        return Ok(Step::Wildcard);
    }
    if let Some(filter) = inner.strip_prefix("?(").and_then(|rest| rest.strip_suffix(')')) {
        return parse_filter(filter);
    }
    if inner.starts_with('\'') || inner.starts_with('"') {
        let paths = inner.split(',').map(|name| JsonPath::parse(&unquote(name.trim())));
        return Ok(Step::Union(paths.collect::<Result<_>>()?));
    }
    let number = |text: &str| -> Result<Option<i64>> {
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_| Error::Use(format!("invalid array index {text}")))
    };
    match inner.split_once(':') {
        Some((start, end)) => Ok(Step::Slice(number(start)?, number(end.split(':').next().unwrap_or_default())?)),
        None => {
            let at = number(inner)?;
            Ok(Step::Slice(at, at.map(|at| at + 1).filter(|end| *end != 0)))
        }
    }
}

fn parse_filter(text: &str) -> Result<Step> {
    for operator in ["==", "!=", "<=", ">=", "<", ">"] {
        if let Some((left, right)) = text.split_once(operator) {
            let right = right.trim();
            let operand = if right.starts_with('@') || right.starts_with('.') {
                Operand::Path(JsonPath::parse(right)?)
            } else if right.starts_with('"') || right.starts_with('\'') {
                Operand::Literal(Value::String(unquote(right)))
            } else {
                Operand::Literal(serde_json::from_str(right).unwrap_or_else(|_| Value::String(right.to_owned())))
            };
            return Ok(Step::Filter(JsonPath::parse(left.trim())?, Some((operator.to_owned(), operand))));
        }
    }
    Ok(Step::Filter(JsonPath::parse(text.trim())?, None))
}

impl Step {
    fn apply<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match self {
            Self::Field(name) => value.get(name).into_iter().collect(),
            Self::Union(paths) => paths.iter().flat_map(|path| path.find(value)).collect(),
            Self::Wildcard => children(value),
            Self::Descend => descend(value),
            Self::Slice(start, end) => slice(value, *start, *end),
            Self::Filter(path, test) => {
                children(value).into_iter().filter(|item| holds(item, path, test.as_ref())).collect()
            }
        }
    }
}

fn children(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(map) => map.values().collect(),
        _ => Vec::new(),
    }
}

fn descend(value: &Value) -> Vec<&Value> {
    let mut all = vec![value];
    all.extend(children(value).into_iter().flat_map(descend));
    all
}

fn slice(value: &Value, start: Option<i64>, end: Option<i64>) -> Vec<&Value> {
    let Some(items) = value.as_array() else { return Vec::new() };
    let length = items.len() as i64;
    let place = |at: i64| if at < 0 { at + length } else { at }.clamp(0, length) as usize;
    let (from, to) = (place(start.unwrap_or(0)), place(end.unwrap_or(length)));
    items.get(from..to.max(from)).unwrap_or_default().iter().collect()
}

fn holds(item: &Value, path: &JsonPath, test: Option<&(String, Operand)>) -> bool {
    let found = path.find(item);
    let Some((operator, operand)) = test else { return !found.is_empty() };
    let wanted: Vec<&Value> = match operand {
        Operand::Literal(value) => vec![value],
        Operand::Path(path) => path.find(item),
    };
    let (Some(left), Some(right)) = (found.first(), wanted.first()) else { return false };
    let order = || left.as_f64().zip(right.as_f64()).and_then(|(left, right)| left.partial_cmp(&right));
    match operator.as_str() {
        "==" => left == right,
        "!=" => left != right,
        "<" => order().is_some_and(std::cmp::Ordering::is_lt),
        ">" => order().is_some_and(std::cmp::Ordering::is_gt),
        "<=" => order().is_some_and(std::cmp::Ordering::is_le),
        _ => order().is_some_and(std::cmp::Ordering::is_ge),
    }
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

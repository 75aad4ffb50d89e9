//! kubectl's templates over JSONPath: text, `{...}`, `range`/`end`.

use serde_json::Value;

use super::{Budget, DEPTH_MAX, JsonPath, JsonPathError, PLACES_MAX, Result, TEXT_BYTES_MAX, unquote};

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
    let parts = parse_parts(&mut rest, 0)?;
    Ok(Template { parts })
}

/// `ranges`: how many are open.
fn parse_parts(rest: &mut &str, ranges: usize) -> Result<Vec<Part>> {
    if ranges > DEPTH_MAX {
        return Err(JsonPathError::TooDeep);
    }
    let mut parts = Vec::new();
    loop {
        let Some(open) = rest.find('{') else {
            if ranges > 0 {
                return Err(JsonPathError::UnendedRange);
            }
            push_text(&mut parts, rest);
            *rest = "";
            return Ok(parts);
        };
        push_text(&mut parts, &rest[..open]);
        let close = closing(&rest[open..]).ok_or_else(|| JsonPathError::Unclosed((*rest).to_owned()))?;
        let action = rest[open + 1..open + close].trim();
        *rest = &rest[open + close + 1..];
        match action {
            "end" if ranges > 0 => return Ok(parts),
            "end" => return Err(JsonPathError::NotInRange),
            _ if action.starts_with("range ") => {
                let path = JsonPath::parse(action["range ".len()..].trim())?;
                parts.push(Part::Range(path, parse_parts(rest, ranges + 1)?));
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
        render(&self.parts, value, &mut text, &mut Budget(PLACES_MAX))?;
        Ok(text)
    }
}

fn render(parts: &[Part], value: &Value, out: &mut String, budget: &mut Budget) -> Result<()> {
    for part in parts {
        budget.take(1)?;
        match part {
            Part::Text(text) => push(text, out)?,
            Part::Path(path) => {
                for (at, found) in path.walk(value, budget)?.into_iter().enumerate() {
                    push(if at > 0 { " " } else { "" }, out)?;
                    push(&text(found), out)?;
                }
            }
            Part::Range(path, inner) => {
                for item in path.walk(value, budget)? {
                    render(inner, item, out, budget)?;
                }
            }
        }
    }
    Ok(())
}

fn push(text: &str, out: &mut String) -> Result<()> {
    if out.len() + text.len() > TEXT_BYTES_MAX {
        return Err(JsonPathError::TooMuch);
    }
    out.push_str(text);
    Ok(())
}

/// A found value as it is printed: strings bare, everything else as JSON.
pub fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

//! JSONPath as Kubernetes speaks it (client-go util/jsonpath): fields, indexes, slices, filters, unions, recursive descent.

mod template;

use serde_json::Value;

pub use template::{Template, template, text};

/// Brackets within brackets, ranges within ranges.
const DEPTH_MAX: usize = 32;
/// Places that one path may lead to or pass through: descents and unions multiply. A list of 10,000 Pods has some millions.
const PLACES_MAX: usize = 20_000_000;
/// The same for a column of a table, which each object of a list has.
const CELL_PLACES_MAX: usize = 50_000;
/// What setting out from a place costs, in places.
const WALK_PLACES: usize = 16;
/// The text that a template may make.
const TEXT_BYTES_MAX: usize = 256 << 20;

/// Why a text is no path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonPathError {
    #[error("unterminated array in {0:?}")]
    Unterminated(String),
    #[error("invalid array index {0}")]
    Index(String),
    #[error("unclosed action in jsonpath {0:?}")]
    Unclosed(String),
    #[error("unterminated range: {{end}} is missing")]
    UnendedRange,
    #[error("not in range, nothing to end")]
    NotInRange,
    #[error("nested more than {DEPTH_MAX} deep")]
    TooDeep,
    #[error("leads to more than {PLACES_MAX} places or {TEXT_BYTES_MAX} bytes of text")]
    TooMuch,
}

type Result<T> = std::result::Result<T, JsonPathError>;

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

impl JsonPath {
    /// Parses `.a.b[0]`, `{.a}`, `$.a`, `a.b`.
    pub fn parse(text: &str) -> Result<Self> {
        Self::parse_within(text, 0)
    }

    fn parse_within(text: &str, depth: usize) -> Result<Self> {
        if depth > DEPTH_MAX {
            return Err(JsonPathError::TooDeep);
        }
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
                let close = bracket_end(after).ok_or_else(|| JsonPathError::Unterminated(text.to_owned()))?;
                steps.push(bracket(&after[..close], depth + 1)?);
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

    /// Everything the path leads to; nothing when that is beyond all measure.
    pub fn find<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        self.walk(value, &mut Budget(PLACES_MAX)).unwrap_or_default()
    }

    /// The first value it leads to, as a table shows it: nothing when that is farther than a column's path may go.
    pub fn first<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        self.walk(value, &mut Budget(CELL_PLACES_MAX)).ok()?.into_iter().next()
    }

    fn walk<'a>(&self, value: &'a Value, budget: &mut Budget) -> Result<Vec<&'a Value>> {
        budget.take(WALK_PLACES)?;
        let mut found = vec![value];
        for step in &self.steps {
            budget.take(1)?;
            let mut next = Vec::new();
            match step {
                Step::Union(paths) => {
                    for path in paths {
                        for value in &found {
                            next.extend(path.walk(value, budget)?);
                        }
                    }
                }
                step => {
                    for value in found {
                        let before = next.len();
                        step.apply(value, &mut next, budget)?;
                        budget.take(next.len() - before)?;
                    }
                }
            }
            found = next;
        }
        Ok(found)
    }
}

/// What is left of the places that may be passed.
#[derive(Debug)]
struct Budget(usize);

impl Budget {
    fn take(&mut self, places: usize) -> Result<()> {
        self.0 = self.0.checked_sub(places).ok_or(JsonPathError::TooMuch)?;
        Ok(())
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

fn bracket(inner: &str, depth: usize) -> Result<Step> {
    let inner = inner.trim();
    if inner == "*" {
        return Ok(Step::Wildcard);
    }
    if let Some(filter) = inner.strip_prefix("?(").and_then(|rest| rest.strip_suffix(')')) {
        return parse_filter(filter, depth);
    }
    if inner.starts_with('\'') || inner.starts_with('"') {
        let paths = inner.split(',').map(|name| JsonPath::parse_within(&unquote(name.trim()), depth));
        return Ok(Step::Union(paths.collect::<Result<_>>()?));
    }
    let number = |text: &str| -> Result<Option<i64>> {
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_| JsonPathError::Index(text.to_owned()))
    };
    match inner.split_once(':') {
        Some((start, end)) => Ok(Step::Slice(number(start)?, number(end.split(':').next().unwrap_or_default())?)),
        None => {
            let at = number(inner)?;
            Ok(Step::Slice(at, at.map(|at| at.saturating_add(1)).filter(|end| *end != 0)))
        }
    }
}

fn parse_filter(text: &str, depth: usize) -> Result<Step> {
    for operator in ["==", "!=", "<=", ">=", "<", ">"] {
        if let Some((left, right)) = text.split_once(operator) {
            let right = right.trim();
            let operand = if right.starts_with('@') || right.starts_with('.') {
                Operand::Path(JsonPath::parse_within(right, depth)?)
            } else if right.starts_with('"') || right.starts_with('\'') {
                Operand::Literal(Value::String(unquote(right)))
            } else {
                Operand::Literal(serde_json::from_str(right).unwrap_or_else(|_| Value::String(right.to_owned())))
            };
            return Ok(Step::Filter(JsonPath::parse_within(left.trim(), depth)?, Some((operator.to_owned(), operand))));
        }
    }
    Ok(Step::Filter(JsonPath::parse_within(text.trim(), depth)?, None))
}

impl Step {
    /// Adds what this step leads to from one value; unions are the path's own matter.
    fn apply<'a>(&self, value: &'a Value, found: &mut Vec<&'a Value>, budget: &mut Budget) -> Result<()> {
        match self {
            Self::Field(name) => found.extend(value.get(name)),
            Self::Union(_) => {}
            Self::Wildcard => found.extend(children(value)),
            Self::Descend => descend(value, found),
            Self::Slice(start, end) => found.extend(slice(value, *start, *end)),
            Self::Filter(path, test) => {
                for item in children(value) {
                    if holds(item, path, test.as_ref(), budget)? {
                        found.push(item);
                    }
                }
            }
        }
        Ok(())
    }
}

fn children(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(map) => map.values().collect(),
        _ => Vec::new(),
    }
}

fn descend<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    found.push(value);
    children(value).into_iter().for_each(|child| descend(child, found));
}

fn slice(value: &Value, start: Option<i64>, end: Option<i64>) -> Vec<&Value> {
    let Some(items) = value.as_array() else { return Vec::new() };
    let length = items.len() as i64;
    let place = |at: i64| if at < 0 { at + length } else { at }.clamp(0, length) as usize;
    let (from, to) = (place(start.unwrap_or(0)), place(end.unwrap_or(length)));
    items.get(from..to.max(from)).unwrap_or_default().iter().collect()
}

fn holds(item: &Value, path: &JsonPath, test: Option<&(String, Operand)>, budget: &mut Budget) -> Result<bool> {
    let found = path.walk(item, budget)?;
    let Some((operator, operand)) = test else { return Ok(!found.is_empty()) };
    let wanted: Vec<&Value> = match operand {
        Operand::Literal(value) => vec![value],
        Operand::Path(path) => path.walk(item, budget)?,
    };
    let (Some(left), Some(right)) = (found.first(), wanted.first()) else { return Ok(false) };
    let order = || left.as_f64().zip(right.as_f64()).and_then(|(left, right)| left.partial_cmp(&right));
    Ok(match operator.as_str() {
        "==" => left == right,
        "!=" => left != right,
        "<" => order().is_some_and(std::cmp::Ordering::is_lt),
        ">" => order().is_some_and(std::cmp::Ordering::is_gt),
        "<=" => order().is_some_and(std::cmp::Ordering::is_le),
        _ => order().is_some_and(std::cmp::Ordering::is_ge),
    })
}

/// The text between quotes, escapes resolved.
pub fn unquote(text: &str) -> String {
    let inner = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
    inner.replace("\\n", "\n").replace("\\t", "\t").replace("\\\"", "\"").replace("\\'", "'").replace("\\\\", "\\")
}

#[cfg(test)]
mod tests;

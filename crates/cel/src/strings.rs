//! The string functions of the language and of its strings library, counted in characters.

use crate::builtin::{Builtin, NO_OVERLOAD, Outcome};
use crate::value::Value;

pub(crate) fn lookup(name: &str) -> Option<Builtin> {
    Some(match name {
        "contains" => |args| test(args, |text, part| text.contains(part)),
        "startsWith" => |args| test(args, |text, part| text.starts_with(part)),
        "endsWith" => |args| test(args, |text, part| text.ends_with(part)),
        "charAt" => char_at,
        "lowerAscii" => |args| map(args, str::to_ascii_lowercase),
        "upperAscii" => |args| map(args, str::to_ascii_uppercase),
        "trim" => |args| map(args, |text| text.trim_matches(is_space).to_owned()),
        "replace" => replace,
        "split" => split,
        "substring" => substring,
        "join" => join,
        "strings.quote" => |args| map(args, quote),
        "format" => |args| match args {
            [Value::String(format), Value::List(list)] => {
                crate::printf::format(format, &list.values()?).map(Value::text)
            }
            _ => none(),
        },
        "jsonpatch.escapeKey" => |args| map(args, |text| text.replace('~', "~0").replace('/', "~1")),
        _ => return None,
    })
}

fn none<T>() -> Result<T, String> {
    Err(NO_OVERLOAD.to_owned())
}

fn is_space(character: char) -> bool {
    character.is_whitespace()
}

fn test<'a>(args: &[Value<'a>], holds: fn(&str, &str) -> bool) -> Outcome<'a> {
    match args {
        [Value::String(text), Value::String(part)] => Ok(Value::Bool(holds(text, part))),
        _ => none(),
    }
}

fn map<'a>(args: &[Value<'a>], change: fn(&str) -> String) -> Outcome<'a> {
    match args {
        [Value::String(text)] => Ok(Value::text(change(text))),
        _ => none(),
    }
}

fn out_of_range(index: i64) -> String {
    format!("index out of range: {index}")
}

/// An index from 0 to `length`, or the complaint.
fn index(value: i64, length: usize) -> Result<usize, String> {
    usize::try_from(value).ok().filter(|index| *index <= length).ok_or_else(|| out_of_range(value))
}

fn char_at<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    let [Value::String(text), Value::Int(at)] = args else { return none() };
    let at = index(*at, text.chars().count())?;
    Ok(Value::text(text.chars().skip(at).take(1).collect::<String>()))
}

/// `indexOf` of a string; that of a list is in `lists`.
pub(crate) fn index_of<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    let (text, part, from) = match args {
        [Value::String(text), Value::String(part)] => (text, part, 0),
        [Value::String(text), Value::String(part), Value::Int(from)] => (text, part, *from),
        _ => return none(),
    };
    let from = usize::try_from(from).map_err(|_| out_of_range(from))?;
    let (text, part): (Vec<char>, Vec<char>) = (text.chars().collect(), part.chars().collect());
    if part.is_empty() {
        return Ok(Value::Int(if from <= text.len() { from as i64 } else { -1 }));
    }
    let found = text.windows(part.len()).enumerate().skip(from).find(|(_, window)| *window == part);
    Ok(Value::Int(found.map_or(-1, |(place, _)| place as i64)))
}

pub(crate) fn last_index_of<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    let (text, part, until) = match args {
        [Value::String(text), Value::String(part)] => (text, part, None),
        [Value::String(text), Value::String(part), Value::Int(until)] => (text, part, Some(*until)),
        _ => return none(),
    };
    let (text, part): (Vec<char>, Vec<char>) = (text.chars().collect(), part.chars().collect());
    let until = match until {
        None => text.len(),
        Some(until) => {
            usize::try_from(until).ok().filter(|until| *until < text.len().max(1)).ok_or_else(|| out_of_range(until))?
        }
    };
    if part.is_empty() {
        return Ok(Value::Int(until as i64));
    }
    let found = text.windows(part.len()).enumerate().take(until + 1).rfind(|(_, window)| *window == part);
    Ok(Value::Int(found.map_or(-1, |(place, _)| place as i64)))
}

/// The longest string that `replace` makes: its cost counts only what it is given.
const MAX_TEXT: usize = 32 << 20;

fn limit(value: i64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

fn replace<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    if let [Value::String(text), Value::String(from), Value::String(to), ..] = args {
        let times = if from.is_empty() { text.len() + 1 } else { text.len() / from.len() };
        if times.saturating_mul(to.len()) > MAX_TEXT {
            return Err(format!("strings of more than {MAX_TEXT} bytes are not made"));
        }
    }
    match args {
        [Value::String(text), Value::String(from), Value::String(to)] => Ok(Value::text(text.replace(&**from, to))),
        [Value::String(text), Value::String(from), Value::String(to), Value::Int(count)] => {
            Ok(Value::text(text.replacen(&**from, to, limit(*count))))
        }
        _ => none(),
    }
}

fn split<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    let (text, separator, count) = match args {
        [Value::String(text), Value::String(separator)] => (text, separator, usize::MAX),
        [Value::String(text), Value::String(separator), Value::Int(count)] => (text, separator, limit(*count)),
        _ => return none(),
    };
    if count == 0 {
        return Ok(Value::list(Vec::new()));
    }
    if !separator.is_empty() {
        return Ok(Value::list(text.splitn(count, &**separator).map(Value::text).collect()));
    }
    let mut parts: Vec<Value<'a>> = Vec::new();
    for (place, (offset, character)) in text.char_indices().enumerate() {
        if place + 1 == count {
            parts.push(Value::text(&text[offset..]));
            break;
        }
        parts.push(Value::text(character.to_string()));
    }
    Ok(Value::list(parts))
}

fn substring<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    let (text, start, end) = match args {
        [Value::String(text), Value::Int(start)] => (text, *start, None),
        [Value::String(text), Value::Int(start), Value::Int(end)] => (text, *start, Some(*end)),
        _ => return none(),
    };
    let length = text.chars().count();
    if let Some(end) = end
        && start > end
    {
        return Err(format!("invalid substring range. start: {start}, end: {end}"));
    }
    let start = index(start, length)?;
    let end = end.map_or(Ok(length), |end| index(end, length))?;
    Ok(Value::text(text.chars().skip(start).take(end - start).collect::<String>()))
}

fn join<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    let (list, separator) = match args {
        [Value::List(list)] => (list, ""),
        [Value::List(list), Value::String(separator)] => (list, &**separator),
        _ => return none(),
    };
    let mut joined = String::new();
    for (place, item) in list.iter().enumerate() {
        let Value::String(text) = item? else { return none() };
        if place > 0 {
            joined.push_str(separator);
        }
        joined.push_str(&text);
    }
    Ok(Value::text(joined))
}

pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            '\\' => quoted.push_str("\\\\"),
            '"' => quoted.push_str("\\\""),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

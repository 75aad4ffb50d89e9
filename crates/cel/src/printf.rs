//! `string.format`: clauses such as %s, %d, %.3f, %x filled with values.

use crate::convert::show_double;
use crate::strings::quote;
use crate::times::{show_duration, show_timestamp};
use crate::types::Type;
use crate::value::Value;

/// One clause of a format, or the text between.
pub(crate) enum Part {
    Text(String),
    Clause { kind: char, precision: Option<usize> },
}

pub(crate) fn parse(format: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut characters = format.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '%' {
            text.push(character);
            continue;
        }
        if characters.peek() == Some(&'%') {
            characters.next();
            text.push('%');
            continue;
        }
        if characters.peek().is_none() {
            return Err("unexpected end of string".to_owned());
        }
        parts.push(Part::Text(std::mem::take(&mut text)));
        let precision = precision(&mut characters)?;
        let kind = characters.next().ok_or("could not parse formatting clause: unexpected end of string")?;
        if !matches!(kind, 's' | 'd' | 'f' | 'e' | 'b' | 'x' | 'X' | 'o') {
            return Err(format!("could not parse formatting clause: unrecognized formatting clause \"{kind}\""));
        }
        parts.push(Part::Clause { kind, precision });
    }
    parts.push(Part::Text(text));
    Ok(parts)
}

fn precision(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Option<usize>, String> {
    if characters.peek() != Some(&'.') {
        return Ok(None);
    }
    characters.next();
    let mut digits = String::new();
    while let Some(digit) = characters.peek().filter(|c| c.is_ascii_digit()) {
        digits.push(*digit);
        characters.next();
    }
    let value = digits
        .parse()
        .map_err(|_| "error while parsing precision: could not find end of precision specifier".to_owned())?;
    if value > 100 {
        return Err(format!("error while parsing precision: precision {value} exceeds the limit of 100"));
    }
    Ok(Some(value))
}

pub(crate) fn format(format: &str, values: &[Value<'_>]) -> Result<String, String> {
    let mut result = String::new();
    let mut used = 0;
    for part in parse(format)? {
        match part {
            Part::Text(text) => result.push_str(&text),
            Part::Clause { kind, precision } => {
                let value = values.get(used).ok_or_else(|| format!("index {used} out of range"))?;
                used += 1;
                result.push_str(
                    &clause(kind, precision, value).map_err(|error| format!("error during formatting: {error}"))?,
                );
            }
        }
    }
    Ok(result)
}

/// What a clause wants, when a value of that type does not fit it.
pub(crate) fn refusal(kind: char, of: &Type) -> Option<String> {
    let (fits, wanted) = match kind {
        'd' => (matches!(of, Type::Int | Type::Uint | Type::Double), "decimal clause can only be used on integers"),
        'f' => (of.is_number() || matches!(of, Type::String), "fixed-point clause can only be used on doubles"),
        'e' => (of.is_number() || matches!(of, Type::String), "scientific clause can only be used on doubles"),
        'b' => {
            (matches!(of, Type::Int | Type::Uint | Type::Bool), "only integers and bools can be formatted as binary")
        }
        'x' | 'X' => (
            matches!(of, Type::Int | Type::Uint | Type::String | Type::Bytes),
            "only integers, byte buffers, and strings can be formatted as hex",
        ),
        'o' => (matches!(of, Type::Int | Type::Uint), "octal clause can only be used on integers"),
        _ => (
            !matches!(of, Type::Object(_) | Type::Opaque(..)),
            "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps",
        ),
    };
    let integer = kind != 'd' || !matches!(of, Type::Double);
    (!fits || !integer).then(|| format!("{wanted}, was given {}", of.name()))
}

fn clause(kind: char, precision: Option<usize>, value: &Value<'_>) -> Result<String, String> {
    let refused = || refusal(kind, &value.of_type()).unwrap_or_default();
    Ok(match (kind, value) {
        ('s', value) => plain(value, false).ok_or_else(refused)?,
        ('d' | 'b' | 'x' | 'X' | 'o', Value::Int(number)) => radix(kind, number.unsigned_abs(), *number < 0),
        ('d' | 'b' | 'x' | 'X' | 'o', Value::Uint(number)) => radix(kind, *number, false),
        ('b', Value::Bool(value)) => if *value { "1" } else { "0" }.to_owned(),
        ('x' | 'X', Value::String(text)) => hexadecimal(text.as_bytes(), kind == 'X'),
        ('x' | 'X', Value::Bytes(bytes)) => hexadecimal(bytes, kind == 'X'),
        ('f', Value::Double(number)) => fixed(*number, precision.unwrap_or(6)),
        ('e', Value::Double(number)) => scientific(*number),
        ('f' | 'e', Value::Int(number)) => clause(kind, precision, &Value::Double(*number as f64))?,
        ('f' | 'e', Value::Uint(number)) => clause(kind, precision, &Value::Double(*number as f64))?,
        _ => return Err(refused()),
    })
}

fn radix(kind: char, number: u64, negative: bool) -> String {
    let sign = if negative { "-" } else { "" };
    let digits = match kind {
        'b' => format!("{number:b}"),
        'x' => format!("{number:x}"),
        'X' => format!("{number:X}"),
        'o' => format!("{number:o}"),
        _ => number.to_string(),
    };
    format!("{sign}{digits}")
}

fn hexadecimal(bytes: &[u8], upper: bool) -> String {
    bytes.iter().map(|byte| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") }).collect()
}

fn fixed(number: f64, precision: usize) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "∞" } else { "-∞" }.to_owned();
    }
    grouped(&format!("{number:.precision$}"))
}

/// With a comma after every third digit before the point.
fn grouped(text: &str) -> String {
    let (sign, text) = text.strip_prefix('-').map_or(("", text), |text| ("-", text));
    let (whole, fraction) = text.find('.').map_or((text, ""), |point| text.split_at(point));
    let mut result = String::from(sign);
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place) % 3 == 0 {
            result.push(',');
        }
        result.push(digit);
    }
    result + fraction
}

/// Digits times a power of ten, as upstream's English printer writes it: whatever the precision, six decimals.
fn scientific(number: f64) -> String {
    if !number.is_finite() {
        return fixed(number, 0);
    }
    let text = format!("{number:.6e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = exponent.strip_prefix('-').map_or(("", exponent), |digits| ("⁻", digits));
    let raised: String = format!("{digits:0>2}")
        .chars()
        .filter_map(|digit| "⁰¹²³⁴⁵⁶⁷⁸⁹".chars().nth(digit.to_digit(10)? as usize))
        .collect();
    format!("{mantissa}×10{sign}{raised}")
}

fn plain(value: &Value<'_>, inner: bool) -> Option<String> {
    Some(match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Uint(value) => value.to_string(),
        Value::Double(value) if inner => fixed(*value, 6),
        Value::Double(value) => show_double(*value),
        Value::String(text) if inner => quote(text),
        Value::String(text) => text.to_string(),
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Duration(nanos) if inner => format!("duration(\"{}\")", show_duration(*nanos)),
        Value::Duration(nanos) => show_duration(*nanos),
        Value::Timestamp(at) if inner => format!("timestamp(\"{}\")", show_timestamp(*at)),
        Value::Timestamp(at) => show_timestamp(*at),
        Value::Type(of) => of.name().to_owned(),
        Value::List(list) => {
            let items: Option<Vec<String>> = list.iter().map(|item| plain(&item.ok()?, true)).collect();
            format!("[{}]", items?.join(", "))
        }
        Value::Map(map) => {
            let mut entries = Vec::new();
            for key in map.keys() {
                let member = map.find(&key)?.ok()?;
                entries.push(format!("{}:{}", plain(&key, true)?, plain(&member, true)?));
            }
            entries.sort();
            format!("{{{}}}", entries.join(", "))
        }
        _ => return None,
    })
}

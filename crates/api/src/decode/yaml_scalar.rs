//! What a YAML scalar means, by go-yaml v2's rules: YAML 1.1 octals and booleans, Go's integer prefixes, no sexagesimals, timestamps
//! stay text.

use base64::Engine;
use serde_json::{Number, Value};

/// A resolved scalar.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    Unsigned(u64),
    Float(f64),
    Text(String),
}

const TRUE: [&str; 11] = ["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"];
const FALSE: [&str; 11] = ["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"];
const NULL: [&str; 5] = ["", "~", "null", "Null", "NULL"];
const NAN: [&str; 3] = [".nan", ".NaN", ".NAN"];
const INFINITY: [&str; 6] = [".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"];
const NEGATIVE_INFINITY: [&str; 3] = ["-.inf", "-.Inf", "-.INF"];

/// Resolves a scalar. `tag` is the core schema's name (`int`, `str`…), `Some("")` a foreign tag; quoted texts without a tag are text.
pub(super) fn resolve(text: &str, plain: bool, tag: Option<&str>) -> Result<Scalar, String> {
    match tag {
        None if !plain => Ok(Scalar::Text(text.to_owned())),
        None => Ok(guess(text)),
        Some("binary") => binary(text),
        Some("bool" | "int" | "float" | "null") => tagged(text, tag.unwrap_or_default()),
        Some(_) => Ok(Scalar::Text(text.to_owned())),
    }
}

fn binary(text: &str) -> Result<Scalar, String> {
    let compact: String = text.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
    let bytes = base64::engine::general_purpose::STANDARD.decode(compact);
    let bytes = bytes.map_err(|_| "!!binary value contains invalid base64 data".to_owned())?;
    Ok(Scalar::Text(String::from_utf8_lossy(&bytes).into_owned()))
}

fn tagged(text: &str, tag: &str) -> Result<Scalar, String> {
    let scalar = guess(text);
    let found = match (&scalar, tag) {
        (Scalar::Int(value), "float") => return Ok(Scalar::Float(*value as f64)),
        (Scalar::Null, "null") | (Scalar::Bool(_), "bool") | (Scalar::Float(_), "float") => return Ok(scalar),
        (Scalar::Int(_) | Scalar::Unsigned(_), "int") => return Ok(scalar),
        (Scalar::Null, _) => "null",
        (Scalar::Bool(_), _) => "bool",
        (Scalar::Int(_) | Scalar::Unsigned(_), _) => "int",
        (Scalar::Float(_), _) => "float",
        (Scalar::Text(_), _) => "str",
    };
    Err(format!("cannot decode !!{found} `{text}` as a !!{tag}"))
}

/// What an untagged plain scalar is.
fn guess(text: &str) -> Scalar {
    if let Some(known) = word(text) {
        return known;
    }
    let number = match text.as_bytes()[0] {
        b'.' => float(text),
        b'0'..=b'9' | b'+' | b'-' if !is_timestamp(text) => number(&text.replace('_', "")),
        _ => None,
    };
    number.unwrap_or_else(|| Scalar::Text(text.to_owned()))
}

fn word(text: &str) -> Option<Scalar> {
    if NULL.contains(&text) {
        Some(Scalar::Null)
    } else if TRUE.contains(&text) {
        Some(Scalar::Bool(true))
    } else if FALSE.contains(&text) {
        Some(Scalar::Bool(false))
    } else if NAN.contains(&text) {
        Some(Scalar::Float(f64::NAN))
    } else if INFINITY.contains(&text) {
        Some(Scalar::Float(f64::INFINITY))
    } else if NEGATIVE_INFINITY.contains(&text) {
        Some(Scalar::Float(f64::NEG_INFINITY))
    } else {
        None
    }
}

/// `2001-01-01…` is a timestamp, which stays text; so would any such text as a number, hence only the shape is looked at.
fn is_timestamp(text: &str) -> bool {
    text.len() > 4 && text.as_bytes()[..4].iter().all(u8::is_ascii_digit) && text.as_bytes()[4] == b'-'
}

fn number(text: &str) -> Option<Scalar> {
    integer(text).or_else(|| float(text))
}

fn integer(text: &str) -> Option<Scalar> {
    let (negative, magnitude, signed) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..], true),
        b'+' => (false, &text[1..], true),
        _ => (false, text, false),
    };
    let (radix, digits) = radix(magnitude);
    if digits.is_empty() || digits.starts_with(['+', '-']) {
        return None;
    }
    let value = i128::from_str_radix(digits, radix).ok()?;
    let value = if negative { -value } else { value };
    if let Ok(value) = i64::try_from(value) {
        return Some(Scalar::Int(value));
    }
    u64::try_from(value).ok().filter(|_| !signed).map(Scalar::Unsigned)
}

fn radix(digits: &str) -> (u32, &str) {
    let bytes = digits.as_bytes();
    if bytes.len() < 2 || bytes[0] != b'0' {
        return (10, digits);
    }
    match bytes[1] {
        b'x' | b'X' => (16, &digits[2..]),
        b'o' | b'O' => (8, &digits[2..]),
        b'b' | b'B' => (2, &digits[2..]),
        _ => (8, &digits[1..]),
    }
}

/// Digits with a point or an exponent; anything past f64's range is text, as upstream has it.
fn float(text: &str) -> Option<Scalar> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).map_or((unsigned, None), |(m, e)| (m, Some(e)));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_is_valid = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !digits.is_empty() && all_digits(digits)
    });
    if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) || !exponent_is_valid {
        return None;
    }
    text.parse::<f64>().ok().filter(|value| value.is_finite()).map(Scalar::Float)
}

impl Scalar {
    /// The JSON value; whole floats become integers, as Go prints them.
    pub fn into_value(self) -> Result<Value, String> {
        Ok(match self {
            Scalar::Null => Value::Null,
            Scalar::Bool(value) => Value::Bool(value),
            Scalar::Int(value) => value.into(),
            Scalar::Unsigned(value) => value.into(),
            Scalar::Text(text) => Value::String(text),
            Scalar::Float(value) if value.fract() == 0.0 && value.abs() < 9e18 => (value as i64).into(),
            Scalar::Float(value) => match Number::from_f64(value) {
                Some(number) => Value::Number(number),
                None => return Err(format!("unsupported value: {}", go_infinity(value))),
            },
        })
    }

    /// The text this scalar is as an object key.
    pub fn into_key(self) -> Result<String, String> {
        match self {
            Scalar::Text(text) => Ok(text),
            Scalar::Bool(value) => Ok(value.to_string()),
            Scalar::Int(value) => Ok(value.to_string()),
            Scalar::Float(value) => Ok(float_key(value)),
            Scalar::Unsigned(value) => Err(format!("unsupported map key of type: uint64, key: {value}")),
            Scalar::Null => Err("unsupported map key: null".to_owned()),
        }
    }
}

fn go_infinity(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "+Inf"
    } else {
        "-Inf"
    }
}

/// Go's `FormatFloat(value, 'g', -1, 32)`, with YAML's words for what is not finite.
fn float_key(value: f64) -> String {
    let value = value as f32;
    if value.is_nan() {
        return ".nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').expect("the format has an exponent");
    let exponent: i32 = exponent.parse().expect("the exponent is a number");
    let digits = mantissa.trim_start_matches('-').replace('.', "").len() as i32;
    let precision = if digits > 6 && digits > exponent { 6.max(digits.min(exponent + 1)) } else { 6.max(digits) };
    let precision = if exponent >= 6 { 6 } else { precision };
    if exponent < -4 || exponent >= precision {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    format!("{value}")
}

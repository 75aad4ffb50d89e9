//! Values without fields: checked against their shape and brought to the text upstream writes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;

use crate::quantity;

/// What came of a value.
pub(super) enum Outcome {
    /// Canonical now.
    Kept,
    /// The shape's zero value: as good as absent.
    Absent,
    /// Not of the Go type named.
    Mistyped(&'static str),
    /// Of the right type, but not a value; upstream's message.
    Invalid(String),
}

use Outcome::{Absent, Invalid, Kept, Mistyped};

pub(super) fn integer(value: &Value, bits: u32) -> Outcome {
    let go_type = if bits == 32 { "int32" } else { "int64" };
    match value.as_i64() {
        Some(number) if bits == 64 || i32::try_from(number).is_ok() => Kept,
        _ => Mistyped(go_type),
    }
}

pub(super) fn float(value: &mut Value) -> Outcome {
    match value.as_f64() {
        // Go writes whole floats without a fraction.
        Some(number) if number.fract() == 0.0 && number.abs() < 9e15 => {
            *value = (number as i64).into();
            Kept
        }
        Some(_) => Kept,
        None => Mistyped("float64"),
    }
}

pub(super) fn bytes(value: &mut Value) -> Outcome {
    let Value::String(text) = value else { return Mistyped("[]uint8") };
    if text.contains(['\r', '\n']) {
        text.retain(|c| !matches!(c, '\r' | '\n'));
    }
    match STANDARD.decode(text.as_bytes()) {
        Ok(_) => Kept,
        Err(error) => Invalid(format!("illegal base64 data at input byte {}", position(&error, text))),
    }
}

fn position(error: &base64::DecodeError, text: &str) -> usize {
    match error {
        base64::DecodeError::InvalidByte(index, _) | base64::DecodeError::InvalidLastSymbol(index, _) => *index,
        base64::DecodeError::InvalidLength(_) | base64::DecodeError::InvalidPadding => text.len() / 4 * 4,
    }
}

pub(super) fn quantity(value: &mut Value) -> Outcome {
    let written = match &*value {
        Value::String(text) => quantity::written_form(text.trim()),
        Value::Number(number) => quantity::written_form(&number_text(number)),
        other => return Invalid(format!("{}: {other}", quantity::QuantityError::Format)),
    };
    match written {
        Ok(text) => {
            *value = Value::String(text);
            Kept
        }
        Err(error) => Invalid(error.to_string()),
    }
}

fn number_text(number: &serde_json::Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9e15 => (float as i64).to_string(),
        _ => number.to_string(),
    }
}

pub(super) fn int_or_string(value: &Value) -> Outcome {
    if value.is_string() { Kept } else { integer(value, 32) }
}

/// A time of whole seconds, or of microseconds, in UTC.
pub(super) fn time(value: &mut Value, micro: bool) -> Outcome {
    let Value::String(text) = value else { return Mistyped("string") };
    let Some(timestamp) = timestamp(text) else {
        return Invalid(not_a_time(text));
    };
    let pattern = if micro { "%Y-%m-%dT%H:%M:%S%.6fZ" } else { "%Y-%m-%dT%H:%M:%SZ" };
    let written = timestamp.strftime(pattern).to_string();
    if timestamp.as_second() == ZERO_TIME && timestamp.subsec_nanosecond() == 0 {
        return Absent;
    }
    if *text != written {
        *text = written;
    }
    Kept
}

/// Go's zero time, 0001-01-01T00:00:00Z, which upstream writes as null.
const ZERO_TIME: i64 = -62_135_596_800;

/// RFC 3339 as strictly as Go reads it: `2006-01-02T15:04:05[.fraction](Z|±07:00)`.
fn timestamp(text: &str) -> Option<Timestamp> {
    let (date_time, zone) = text.as_bytes().split_at_checked(19)?;
    let shape_is_right = date_time.iter().zip(b"0000-00-00T00:00:00").all(|(byte, shape)| match shape {
        b'0' => byte.is_ascii_digit(),
        _ => byte == shape,
    });
    let zone = match zone.strip_prefix(b".") {
        Some(rest) => {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            (1..=9).contains(&digits).then(|| &rest[digits..])?
        }
        None => zone,
    };
    let zone_is_right = match zone {
        b"Z" => true,
        [b'+' | b'-', a, b, b':', c, d] => [a, b, c, d].iter().all(|byte| byte.is_ascii_digit()),
        _ => false,
    };
    let leap_second = &date_time[17..] == b"60";
    (shape_is_right && zone_is_right && !leap_second).then(|| text.parse().ok()).flatten()
}

/// Go's message: the first part of the layout that the text does not fit.
fn not_a_time(text: &str) -> String {
    const LAYOUT: [&str; 11] = ["2006", "-", "01", "-", "02", "T", "15", ":", "04", ":", "05"];
    let mut rest = text;
    let mut layout = "Z07:00";
    for part in LAYOUT {
        let is_number = part.len() > 1;
        match rest.split_at_checked(part.len()) {
            Some((head, tail)) if head == part || is_number && head.bytes().all(|byte| byte.is_ascii_digit()) => {
                rest = tail
            }
            _ => {
                layout = part;
                break;
            }
        }
    }
    format!("parsing time {text:?} as \"2006-01-02T15:04:05Z07:00\": cannot parse {rest:?} as {layout:?}")
}

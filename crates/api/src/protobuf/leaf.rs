//! Messages that are one value in JSON: quantities, times, IntOrString, named lists of strings; and how numbers and bytes look there.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;

use super::ProtobufError;
use super::wire::{Reader, write_bytes, write_varint};
use crate::quantity;

/// The last value of a bytes field; none is empty.
pub(super) fn last_bytes(message: &[u8], wanted: u32) -> Result<&[u8], ProtobufError> {
    let mut fields = Reader::new(message);
    let mut found: &[u8] = &[];
    while let Some((number, wire)) = fields.field()? {
        if number == wanted {
            found = wire.bytes()?;
        }
    }
    Ok(found)
}

/// Go writes whole floats without a fraction.
pub(super) fn float(number: f64) -> Result<Value, ProtobufError> {
    if number.fract() == 0.0 && number.abs() < 9e15 {
        return Ok((number as i64).into());
    }
    serde_json::Number::from_f64(number).map(Value::Number).ok_or(ProtobufError::Float(number))
}

pub(super) fn base64(bytes: &[u8]) -> Value {
    STANDARD.encode(bytes).into()
}

pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

pub(super) fn quantity(message: &[u8]) -> Result<Value, ProtobufError> {
    match last_bytes(message, 1)? {
        [] => Ok("0".into()),
        text => Ok(quantity::written_form(&String::from_utf8_lossy(text))?.into()),
    }
}

/// `type`, `intVal` and `strVal`; type 1 is a string.
pub(super) fn int_or_string(message: &[u8]) -> Result<Value, ProtobufError> {
    let (mut is_string, mut number, mut text) = (false, 0_i32, String::new());
    let mut fields = Reader::new(message);
    while let Some((field, wire)) = fields.field()? {
        match field {
            1 => is_string = wire.varint()? == 1,
            2 => number = wire.varint()? as i32,
            3 => text = String::from_utf8_lossy(wire.bytes()?).into_owned(),
            _ => {}
        }
    }
    Ok(if is_string { text.into() } else { number.into() })
}

pub(super) fn write_int_or_string(value: &Value, out: &mut Vec<u8>) {
    write_varint(1, u64::from(value.is_string()), out);
    write_varint(2, value.as_i64().unwrap_or_default().cast_unsigned(), out);
    write_bytes(3, value.as_str().unwrap_or_default().as_bytes(), out);
}

/// `seconds` and `nanos`; an empty message is Go's zero time, which JSON writes as null.
pub(super) fn time(message: &[u8], micro: bool) -> Result<Value, ProtobufError> {
    if message.is_empty() {
        return Ok(Value::Null);
    }
    let (mut seconds, mut nanos) = (0_i64, 0_i32);
    let mut fields = Reader::new(message);
    while let Some((number, wire)) = fields.field()? {
        match number {
            1 => seconds = wire.varint()?.cast_signed(),
            2 => nanos = wire.varint()? as i32,
            _ => {}
        }
    }
    if seconds == ZERO_TIME && (!micro || nanos == 0) {
        return Ok(Value::Null);
    }
    // Only MicroTime reads the fraction, and only its microseconds.
    let nanos = if micro { i64::from(nanos) / 1000 * 1000 } else { 0 };
    let (whole, nanos) = (seconds.checked_add(nanos.div_euclid(NANOS)), nanos.rem_euclid(NANOS));
    let timestamp = whole.filter(|whole| (ZERO_TIME..YEAR_10000).contains(whole)).and_then(|whole| {
        let nanos = i32::try_from(nanos).ok()?;
        Timestamp::new(whole, nanos).ok()
    });
    let timestamp = timestamp.ok_or(ProtobufError::Time(seconds))?;
    let pattern = if micro { "%Y-%m-%dT%H:%M:%S%.6fZ" } else { "%Y-%m-%dT%H:%M:%SZ" };
    Ok(timestamp.strftime(pattern).to_string().into())
}

pub(super) fn write_time(timestamp: Timestamp, micro: bool, out: &mut Vec<u8>) {
    let whole = timestamp.as_second() - i64::from(timestamp.subsec_nanosecond() < 0);
    let nanos = timestamp.subsec_nanosecond().rem_euclid(NANOS as i32) / 1000 * 1000;
    if whole == ZERO_TIME && nanos == 0 {
        return;
    }
    write_varint(1, whole.cast_unsigned(), out);
    write_varint(2, if micro { i64::from(nanos).cast_unsigned() } else { 0 }, out);
}

const NANOS: i64 = 1_000_000_000;
/// 0001-01-01T00:00:00Z
const ZERO_TIME: i64 = -62_135_596_800;
/// 10000-01-01T00:00:00Z, which RFC 3339 cannot write.
const YEAR_10000: i64 = 253_402_300_800;

pub(super) fn strings(message: &[u8]) -> Result<Value, ProtobufError> {
    let mut list = Vec::new();
    let mut fields = Reader::new(message);
    while let Some((number, wire)) = fields.field()? {
        if number == 1 {
            list.push(Value::from(String::from_utf8_lossy(wire.bytes()?)));
        }
    }
    Ok(Value::Array(list))
}

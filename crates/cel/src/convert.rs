//! Conversions between types.

use crate::builtin::{Builtin, NO_OVERLOAD, Outcome};
use crate::library::Library;
use crate::times::{parse_duration, parse_timestamp, seconds_of, show_duration, show_timestamp, timestamp_of_seconds};
use crate::value::Value;

pub(crate) fn lookup(name: &str) -> Option<Builtin> {
    Some(match name {
        "int" => int,
        "uint" => uint,
        "double" => double,
        "string" => string,
        "bytes" => bytes,
        "bool" => boolean,
        "duration" => duration,
        "timestamp" => timestamp,
        "dyn" => |args| args.first().cloned().ok_or_else(|| NO_OVERLOAD.to_owned()),
        "type" => |args| args.first().map(|value| Value::Type(value.of_type())).ok_or_else(|| NO_OVERLOAD.to_owned()),
        _ => return None,
    })
}

/// The conversions that are done once when their argument is a constant.
pub(crate) fn is_conversion(name: &str) -> bool {
    matches!(name, "bool" | "bytes" | "double" | "duration" | "dyn" | "int" | "string" | "timestamp" | "type" | "uint")
}

fn failed(from: &str, to: &str) -> String {
    format!("type conversion error from '{from}' to '{to}'")
}

fn int<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    let overflow = || "integer overflow".to_owned();
    Ok(Value::Int(match args {
        [Value::Int(value)] => *value,
        [Value::Uint(value)] => i64::try_from(*value).map_err(|_| overflow())?,
        [Value::Double(value)]
            if value.is_finite() && *value > -9_223_372_036_854_775_808.0 && *value < 9_223_372_036_854_775_807.0 =>
        {
            *value as i64
        }
        [Value::Double(_)] => return Err(overflow()),
        [Value::String(text)] => text.parse().map_err(|_| failed("string", "int"))?,
        [Value::Timestamp(at)] => seconds_of(*at),
        [Value::Duration(nanos)] => *nanos,
        _ => return Err(NO_OVERLOAD.to_owned()),
    }))
}

fn uint<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    let overflow = || "unsigned integer overflow".to_owned();
    Ok(Value::Uint(match args {
        [Value::Uint(value)] => *value,
        [Value::Int(value)] => u64::try_from(*value).map_err(|_| overflow())?,
        [Value::Double(value)] if *value >= 0.0 && *value < 18_446_744_073_709_551_615.0 => *value as u64,
        [Value::Double(_)] => return Err(overflow()),
        [Value::String(text)] => text.parse().map_err(|_| failed("string", "uint"))?,
        _ => return Err(NO_OVERLOAD.to_owned()),
    }))
}

fn double<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    Ok(Value::Double(match args {
        [Value::Double(value)] => *value,
        [Value::Int(value)] => *value as f64,
        [Value::Uint(value)] => *value as f64,
        [Value::String(text)] => text.parse().map_err(|_| failed("string", "double"))?,
        _ => return Err(NO_OVERLOAD.to_owned()),
    }))
}

fn string<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    Ok(match args {
        [text @ Value::String(_)] => text.clone(),
        [Value::Bool(value)] => Value::text(value.to_string()),
        [Value::Int(value)] => Value::text(value.to_string()),
        [Value::Uint(value)] => Value::text(value.to_string()),
        [Value::Double(value)] => Value::text(show_double(*value)),
        [Value::Bytes(bytes)] => {
            let text = std::str::from_utf8(bytes)
                .map_err(|_| "invalid UTF-8 in bytes, cannot convert to string".to_owned())?;
            Value::text(text)
        }
        [Value::Timestamp(at)] => Value::text(show_timestamp(*at)),
        [Value::Duration(nanos)] => Value::text(show_duration(*nanos)),
        [Value::Library(value)] => match &**value {
            Library::Ip(address) => Value::text(address.to_string()),
            Library::Cidr(cidr) => Value::text(cidr.to_string()),
            _ => return Err(NO_OVERLOAD.to_owned()),
        },
        _ => return Err(NO_OVERLOAD.to_owned()),
    })
}

fn bytes<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    match args {
        [value @ Value::Bytes(_)] => Ok(value.clone()),
        [Value::String(text)] => Ok(Value::Bytes(text.as_bytes().into())),
        _ => Err(NO_OVERLOAD.to_owned()),
    }
}

fn boolean<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    match args {
        [value @ Value::Bool(_)] => Ok(value.clone()),
        [Value::String(text)] => match &**text {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(Value::Bool(true)),
            "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(Value::Bool(false)),
            _ => Err(failed("string", "bool")),
        },
        _ => Err(NO_OVERLOAD.to_owned()),
    }
}

fn duration<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    Ok(Value::Duration(match args {
        [Value::Duration(nanos)] => *nanos,
        [Value::String(text)] => parse_duration(text).ok_or_else(|| failed("string", "google.protobuf.Duration"))?,
        _ => return Err(NO_OVERLOAD.to_owned()),
    }))
}

fn timestamp<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    Ok(Value::Timestamp(match args {
        [Value::Timestamp(at)] => *at,
        [Value::Int(seconds)] => timestamp_of_seconds(*seconds).ok_or_else(|| "timestamp overflow".to_owned())?,
        [Value::String(text)] => parse_timestamp(text).ok_or_else(|| failed("string", "google.protobuf.Timestamp"))?,
        _ => return Err(NO_OVERLOAD.to_owned()),
    }))
}

/// A double as Go's %g writes it: the shortest digits, with an exponent below -4 and from 6 on.
pub(crate) fn show_double(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() };
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if !(-4..=5).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    format!("{value}")
}

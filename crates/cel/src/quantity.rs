//! Quantities: `1500m`, `2Gi`, `3e2`, as a whole number times a power of ten.

use std::cmp::Ordering;

use crate::builtin::{Builtin, NO_OVERLOAD, Outcome};
use crate::library::Library;
use crate::value::Value;

const FORMAT: &str = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
/// The largest that upstream keeps.
const MOST: i128 = i64::MAX as i128;

#[derive(Debug, Clone)]
pub struct Quantity {
    value: i128,
    /// The power of ten.
    scale: i32,
    /// Whether it needs more than upstream's short form, which alone turns into an integer.
    long: bool,
}

pub(crate) fn lookup(name: &str) -> Option<Builtin> {
    Some(match name {
        "quantity" => |args| match args {
            [Value::String(text)] => Ok(wrap(Quantity::parse(text)?)),
            _ => none(),
        },
        "isQuantity" => |args| match args {
            [Value::String(text)] => Ok(Value::Bool(Quantity::parse(text).is_ok())),
            _ => none(),
        },
        "isInteger" => |args| Ok(Value::Bool(of(args.first())?.integer().is_some())),
        "asInteger" => |args| {
            of(args.first())?.integer().map(Value::Int).ok_or_else(|| "cannot convert value to integer".to_owned())
        },
        "asApproximateFloat" => |args| Ok(Value::Double(of(args.first())?.float())),
        "sign" => |args| Ok(Value::Int(of(args.first())?.value.signum() as i64)),
        "add" => |args| arithmetic(args, 1),
        "sub" => |args| arithmetic(args, -1),
        "compareTo" => |args| compare(args, |order| Value::Int(order as i64)),
        "isGreaterThan" => |args| compare(args, |order| Value::Bool(order.is_gt())),
        "isLessThan" => |args| compare(args, |order| Value::Bool(order.is_lt())),
        _ => return None,
    })
}

fn none<T>() -> Result<T, String> {
    Err(NO_OVERLOAD.to_owned())
}

fn wrap<'a>(quantity: Quantity) -> Value<'a> {
    Value::library(Library::Quantity(quantity))
}

fn of<'v>(value: Option<&'v Value<'_>>) -> Result<&'v Quantity, String> {
    match value {
        Some(Value::Library(value)) => match &**value {
            Library::Quantity(quantity) => Ok(quantity),
            _ => none(),
        },
        _ => none(),
    }
}

fn arithmetic<'a>(args: &[Value<'a>], sign: i128) -> Outcome<'a> {
    let left = of(args.first())?;
    let right = match args.get(1) {
        Some(Value::Int(value)) => Quantity { value: i128::from(*value), scale: 0, long: false },
        other => of(other)?.clone(),
    };
    left.plus(&right, sign).map(wrap).ok_or_else(|| "quantity overflow".to_owned())
}

/// Quantities and versions share these names.
fn compare<'a>(args: &[Value<'a>], result: fn(Ordering) -> Value<'static>) -> Outcome<'a> {
    match (of(args.first()), of(args.get(1))) {
        (Ok(left), Ok(right)) => Ok(result(left.compare(right))),
        _ => crate::semver::compare(args, result),
    }
}

impl Quantity {
    pub(crate) fn parse(text: &str) -> Result<Quantity, String> {
        let bad = || FORMAT.to_owned();
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let digits = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at(digits);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return Err(bad());
        }
        let (binary, exponent) = suffix_of(suffix).ok_or_else(|| "unable to parse quantity's suffix".to_owned())?;
        let all: String = [whole, fraction].concat();
        let kept: String = all.trim_start_matches('0').chars().take(36).collect();
        let dropped = all.trim_start_matches('0').len() - kept.len();
        let mut value: i128 = if kept.is_empty() { 0 } else { kept.parse().map_err(|_| bad())? };
        let mut scale = dropped as i32 - fraction.len() as i32;
        if binary {
            value = value.checked_mul(1 << exponent).unwrap_or(i128::MAX);
        } else {
            scale = scale.saturating_add(exponent);
        }
        let short = if binary {
            fraction.is_empty() && 15 - whole.len() as i32 - exponent * 3 / 10 > 0
        } else {
            all.len() <= 18
        };
        if text.starts_with('-') {
            value = -value;
        }
        Ok(Quantity { value, scale, long: !short }.capped())
    }

    fn capped(mut self) -> Quantity {
        while self.scale < -9 && self.value != 0 {
            let rest = self.value % 10;
            self.value = self.value / 10 + rest.signum();
            self.scale += 1;
        }
        if self.value != 0 && self.plain().is_none_or(|plain| plain > MOST) && self.value > 0 && self.scale >= 0 {
            return Quantity { value: MOST, scale: 0, long: true };
        }
        self
    }

    /// The number itself, when it is whole and not too large.
    fn plain(&self) -> Option<i128> {
        u32::try_from(self.scale)
            .ok()
            .and_then(|scale| 10_i128.checked_pow(scale))
            .and_then(|factor| self.value.checked_mul(factor))
    }

    fn integer(&self) -> Option<i64> {
        if self.long {
            return None;
        }
        self.plain().and_then(|value| i64::try_from(value).ok())
    }

    pub(crate) fn float(&self) -> f64 {
        if self.scale < 0 {
            self.value as f64 / 10_f64.powi(-self.scale)
        } else {
            self.value as f64 * 10_f64.powi(self.scale)
        }
    }

    /// Both with one power of ten.
    fn aligned(&self, other: &Quantity) -> Option<(i128, i128, i32)> {
        let scale = self.scale.min(other.scale);
        let shift = |of: &Quantity| {
            if of.value == 0 {
                return Some(0);
            }
            10_i128.checked_pow(u32::try_from(of.scale - scale).ok()?)?.checked_mul(of.value)
        };
        Some((shift(self)?, shift(other)?, scale))
    }

    pub(crate) fn compare(&self, other: &Quantity) -> Ordering {
        match self.aligned(other) {
            Some((left, right, _)) => left.cmp(&right),
            None => self.float().partial_cmp(&other.float()).unwrap_or(Ordering::Equal),
        }
    }

    fn plus(&self, other: &Quantity, sign: i128) -> Option<Quantity> {
        let (left, right, scale) = self.aligned(other)?;
        Some(Quantity { value: left.checked_add(right.checked_mul(sign)?)?, scale, long: self.long || other.long })
    }
}

/// Whether a suffix counts in powers of two, and the power.
fn suffix_of(suffix: &str) -> Option<(bool, i32)> {
    Some(match suffix {
        "Ki" => (true, 10),
        "Mi" => (true, 20),
        "Gi" => (true, 30),
        "Ti" => (true, 40),
        "Pi" => (true, 50),
        "Ei" => (true, 60),
        "n" => (false, -9),
        "u" => (false, -6),
        "m" => (false, -3),
        "" => (false, 0),
        "k" => (false, 3),
        "M" => (false, 6),
        "G" => (false, 9),
        "T" => (false, 12),
        "P" => (false, 15),
        "E" => (false, 18),
        other => (false, other.strip_prefix(['e', 'E'])?.parse().ok().filter(|power: &i32| power.abs() < 1000)?),
    })
}

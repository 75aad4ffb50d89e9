//! Quantities to and from text: upstream's grammar, suffixes and canonical form.

use super::{Format, Quantity, QuantityError, divide_away_from_zero};

const NANO: i32 = -9;
/// Exponents past this are refused; upstream takes them and then cannot compute with them.
const MAX_EXPONENT: i32 = 1000;
const SUFFIX_CHARACTERS: &str = "eEinumkKMGTP";
const DECIMAL: [(&str, i32); 10] =
    [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];
const BINARY: [(&str, u32); 6] = [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60)];

/// A parsed text.
pub(super) struct Parsed {
    pub quantity: Quantity,
    /// Upstream's parser keeps the text itself for most short, already canonical looking numbers and writes that back.
    pub remembers_text: bool,
}

/// The pieces of a text: digits before the point without leading zeroes (`0` when none), digits after it, suffix.
struct Parts<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    suffix: &'a str,
}

enum Unit {
    Decimal(i32, Format),
    Binary(u32),
}

pub(super) fn parse(text: &str) -> Result<Parsed, QuantityError> {
    if text.is_empty() {
        return Err(QuantityError::Format);
    }
    if text == "0" {
        return Ok(Parsed { quantity: Quantity::ZERO, remembers_text: true });
    }
    let parts = split(text)?;
    let unit = unit(parts.suffix)?;
    let shifted = format!("{}{}", parts.whole, parts.fraction);
    let magnitude: i128 = shifted.parse().map_err(|_| QuantityError::Numeric)?;
    let fraction_scale = -i32::try_from(parts.fraction.len()).map_err(|_| QuantityError::Numeric)?;
    let (magnitude, scale, mut format) = match &unit {
        Unit::Decimal(exponent, format) => (magnitude, fraction_scale + exponent, *format),
        Unit::Binary(exponent) => {
            let (magnitude, scale) = binary(&parts, magnitude, fraction_scale, *exponent)?;
            (magnitude, scale, Format::BinarySI)
        }
    };
    let remembers_text = remembers_text(&parts, &unit, &shifted, scale);
    let (magnitude, scale) = if scale < NANO {
        (divide_away_from_zero(magnitude, scale.abs_diff(NANO)).0, NANO)
    } else {
        (magnitude, scale)
    };
    if format == Format::BinarySI && magnitude > 0 && magnitude < 10i128.pow(scale.unsigned_abs()) {
        format = Format::DecimalSI;
    }
    let mantissa = if parts.negative { -magnitude } else { magnitude };
    Ok(Parsed { quantity: Quantity { mantissa, scale, format }, remembers_text })
}

/// `magnitude * 2^exponent`, at most what an int64 holds.
fn binary(parts: &Parts, magnitude: i128, scale: i32, exponent: u32) -> Result<(i128, i32), QuantityError> {
    let whole: i128 = parts.whole.parse().map_err(|_| QuantityError::Numeric)?;
    if whole >= 1 << (63 - exponent) {
        return Ok((i64::MAX.into(), 0));
    }
    let digits = parts.fraction.trim_end_matches('0').len() as i32;
    let (magnitude, _) = divide_away_from_zero(magnitude, scale.abs_diff(-digits));
    let scaled = magnitude.checked_mul(1 << exponent).ok_or(QuantityError::Numeric)?;
    Ok((scaled, -digits))
}

fn split(text: &str) -> Result<Parts<'_>, QuantityError> {
    let (negative, rest) = match text.as_bytes()[0] {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (whole, rest) = digits(rest.trim_start_matches('0'));
    let (fraction, suffix) = match rest.strip_prefix('.') {
        Some(rest) => digits(rest),
        None => ("", rest),
    };
    let signed = suffix.trim_start_matches(|c| SUFFIX_CHARACTERS.contains(c));
    let (_, rest) = digits(signed.strip_prefix(['-', '+']).unwrap_or(signed));
    if !rest.is_empty() {
        return Err(QuantityError::Format);
    }
    let whole = if whole.is_empty() { "0" } else { whole };
    Ok(Parts { negative, whole, fraction, suffix })
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

fn unit(suffix: &str) -> Result<Unit, QuantityError> {
    if let Some((_, exponent)) = DECIMAL.iter().find(|(name, _)| *name == suffix) {
        return Ok(Unit::Decimal(*exponent, Format::DecimalSI));
    }
    if let Some((_, exponent)) = BINARY.iter().find(|(name, _)| *name == suffix) {
        return Ok(Unit::Binary(*exponent));
    }
    let exponent: i32 =
        suffix.strip_prefix(['e', 'E']).and_then(|digits| digits.parse().ok()).ok_or(QuantityError::Suffix)?;
    if exponent.abs() > MAX_EXPONENT {
        return Err(QuantityError::Suffix);
    }
    Ok(Unit::Decimal(exponent, Format::DecimalExponent))
}

/// Upstream's fast path (int64 arithmetic) keeps the text when it looks canonical: the rules are its own, odd cases such as `1.500` included.
fn remembers_text(parts: &Parts, unit: &Unit, shifted: &str, scale: i32) -> bool {
    let length = parts.whole.len() + parts.fraction.len();
    let Ok(value) = shifted.parse::<i64>() else { return false };
    match unit {
        Unit::Decimal(..) => {
            length <= 18 && scale >= NANO && scale % 3 == 0 && !shifted.ends_with("000") && !shifted.starts_with('0')
        }
        Unit::Binary(exponent) => {
            let precision = 15 - parts.whole.len() as i64 - i64::from(exponent * 3 / 10) - 1;
            parts.fraction.is_empty() && precision >= 0 && value & 7 != 0
        }
    }
}

/// The canonical text of a quantity.
pub(super) fn canonical(quantity: &Quantity) -> String {
    if quantity.mantissa == 0 {
        return "0".to_owned();
    }
    if quantity.format == Format::BinarySI
        && let Some(text) = canonical_binary(quantity)
    {
        return text;
    }
    canonical_decimal(quantity)
}

/// `None` when the number is below 1024 or has a fraction: then it is written with a decimal suffix.
fn canonical_binary(quantity: &Quantity) -> Option<String> {
    let (mut value, exact) = quantity.at_scale(0)?;
    if !exact || (-1023..=1023).contains(&value) {
        return None;
    }
    let mut step = 0;
    while value % 1024 == 0 && step < BINARY.len() {
        value /= 1024;
        step += 1;
    }
    let suffix = if step == 0 { "" } else { BINARY[step - 1].0 };
    Some(format!("{value}{suffix}"))
}

fn canonical_decimal(quantity: &Quantity) -> String {
    let (mut mantissa, mut exponent) = (quantity.mantissa, quantity.scale);
    while mantissa % 10 == 0 {
        mantissa /= 10;
        exponent += 1;
    }
    // Upstream has no suffix above E and loses the exponent there; we keep the number.
    let limit = if quantity.format == Format::DecimalExponent { i32::MAX } else { 18 };
    let target = (exponent - exponent.rem_euclid(3)).min(limit);
    let zeroes = "0".repeat(exponent.abs_diff(target) as usize);
    let suffix = match quantity.format {
        Format::DecimalExponent if target == 0 => String::new(),
        Format::DecimalExponent => format!("e{target}"),
        _ => DECIMAL.iter().find(|(_, e)| *e == target).map(|(name, _)| (*name).to_owned()).unwrap_or_default(),
    };
    format!("{mantissa}{zeroes}{suffix}")
}

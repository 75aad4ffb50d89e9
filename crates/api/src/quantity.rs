//! `resource.Quantity`: a decimal number with a suffix (`500m`, `1Gi`, `12e6`), parsed, rounded and written as apimachinery does. Held as
//! an i128 mantissa and a power of ten, so 38 significant digits; more are refused (upstream takes any number of them).

use std::cmp::Ordering;
use std::fmt;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

mod text;

/// The family of suffixes a quantity was written with, and is written back in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `12e6`
    DecimalExponent,
    /// `12Mi`
    BinarySI,
    /// `12M`
    DecimalSI,
}

/// Why a text is no quantity; upstream's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    #[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
    Format,
    #[error("unable to parse numeric part of quantity")]
    Numeric,
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

/// A number `mantissa * 10^scale`, compared by value; the format only says how it is written.
#[derive(Clone, Copy, Debug)]
pub struct Quantity {
    mantissa: i128,
    scale: i32,
    format: Format,
}

impl Quantity {
    pub const ZERO: Quantity = Quantity { mantissa: 0, scale: 0, format: Format::DecimalSI };

    /// A whole number.
    pub fn new(value: i64, format: Format) -> Self {
        Self { mantissa: value.into(), scale: 0, format }
    }

    /// A number of thousandths.
    pub fn from_milli(value: i64, format: Format) -> Self {
        Self { mantissa: value.into(), scale: -3, format }
    }

    /// Reads a quantity; digits below nano are rounded away from zero, as upstream does.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        text::parse(text).map(|parsed| parsed.quantity)
    }

    pub fn format(&self) -> Format {
        self.format
    }

    pub fn is_zero(&self) -> bool {
        self.mantissa == 0
    }

    /// -1, 0 or 1.
    pub fn sign(&self) -> i32 {
        self.mantissa.signum() as i32
    }

    /// The value rounded away from zero to a whole number, kept inside i64.
    pub fn value(&self) -> i64 {
        self.scaled_value(0)
    }

    /// The value in thousandths, rounded away from zero, kept inside i64.
    pub fn milli_value(&self) -> i64 {
        self.scaled_value(-3)
    }

    /// The value in units of `10^scale`, rounded away from zero, kept inside i64.
    pub fn scaled_value(&self, scale: i32) -> i64 {
        let clamp = if self.mantissa < 0 { i64::MIN } else { i64::MAX };
        match self.at_scale(scale) {
            Some((mantissa, _)) => i64::try_from(mantissa).unwrap_or(clamp),
            None => clamp,
        }
    }

    /// The nearest float.
    pub fn as_f64(&self) -> f64 {
        self.mantissa as f64 * 10f64.powi(self.scale)
    }

    /// This quantity rounded away from zero to a multiple of `10^scale`.
    #[must_use]
    pub fn round_up(self, scale: i32) -> Self {
        if self.scale >= scale {
            return self;
        }
        let (mantissa, _) = divide_away_from_zero(self.mantissa, scale.abs_diff(self.scale));
        Self { mantissa, scale, ..self }
    }

    /// This quantity `factor` times; `None` past 38 digits.
    pub fn checked_mul(self, factor: i64) -> Option<Self> {
        Some(Self { mantissa: self.mantissa.checked_mul(factor.into())?, ..self })
    }

    /// The mantissa at another scale and whether that is exact; `None` past the range of i128.
    fn at_scale(&self, scale: i32) -> Option<(i128, bool)> {
        if self.scale < scale {
            return Some(divide_away_from_zero(self.mantissa, scale.abs_diff(self.scale)));
        }
        if self.mantissa == 0 {
            return Some((0, true));
        }
        let factor = 10i128.checked_pow(self.scale.abs_diff(scale))?;
        Some((self.mantissa.checked_mul(factor)?, true))
    }

    /// Both mantissas at one scale: the finer one where it fits, else as fine as the larger number leaves room for.
    fn aligned(self, other: Self) -> (i128, i128, i32) {
        let fine = self.scale.min(other.scale);
        if let (Some((left, _)), Some((right, _))) = (self.at_scale(fine), other.at_scale(fine))
            && left.unsigned_abs().max(right.unsigned_abs()) < i128::MAX as u128 / 2
        {
            return (left, right, fine);
        }
        let magnitude = self.magnitude().max(other.magnitude());
        let scale = i32::try_from(magnitude - 36).expect("exponents are bounded by the parser");
        (self.truncated(scale), other.truncated(scale), scale)
    }

    /// The mantissa at `scale`, digits below it cut; only for scales where it fits.
    fn truncated(self, scale: i32) -> i128 {
        let factor = 10i128.checked_pow(self.scale.abs_diff(scale));
        match (self.scale >= scale, factor) {
            (true, factor) => self.mantissa.saturating_mul(factor.unwrap_or(i128::MAX)),
            (false, Some(divisor)) => self.mantissa / divisor,
            (false, None) => 0,
        }
    }

    /// Number of decimal digits before the decimal point; for ordering numbers too far apart to align.
    fn magnitude(&self) -> i64 {
        i64::from(self.mantissa.unsigned_abs().checked_ilog10().unwrap_or(0)) + i64::from(self.scale)
    }
}

/// `mantissa / 10^digits` rounded away from zero, and whether nothing was lost.
fn divide_away_from_zero(mantissa: i128, digits: u32) -> (i128, bool) {
    let Some(divisor) = 10i128.checked_pow(digits) else {
        return (mantissa.signum(), mantissa == 0);
    };
    let (quotient, rest) = (mantissa / divisor, mantissa % divisor);
    (quotient + rest.signum(), rest == 0)
}

impl Default for Quantity {
    fn default() -> Self {
        Self::ZERO
    }
}

impl std::str::FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        Self::parse(text)
    }
}

/// The canonical text: no fraction, the largest suffix that keeps the number whole.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::canonical(self))
    }
}

/// What upstream writes back for `text`: the text itself where its parser remembers it, else the canonical form. What could not be read
/// again for its length is refused.
pub fn written_form(text: &str) -> Result<String, QuantityError> {
    let parsed = text::parse(text)?;
    if parsed.remembers_text {
        return Ok(text.to_owned());
    }
    let written = parsed.quantity.to_string();
    text::parse(&written).map(|_| written)
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_sign = self.mantissa.signum().cmp(&other.mantissa.signum());
        if by_sign != Ordering::Equal || self.mantissa == 0 {
            return by_sign;
        }
        let scale = self.scale.min(other.scale);
        if let (Some((left, _)), Some((right, _))) = (self.at_scale(scale), other.at_scale(scale)) {
            return left.cmp(&right);
        }
        let by_magnitude = self.magnitude().cmp(&other.magnitude());
        if self.mantissa < 0 { by_magnitude.reverse() } else { by_magnitude }
    }
}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Quantity {}

/// The format is the left side's, unless that is zero.
impl Add for Quantity {
    type Output = Quantity;

    fn add(self, other: Self) -> Self {
        let format = if self.is_zero() { other.format } else { self.format };
        if other.is_zero() || self.is_zero() {
            let kept = if self.is_zero() { other } else { self };
            return Self { format, ..kept };
        }
        let (left, right, scale) = self.aligned(other);
        Self { mantissa: left.saturating_add(right), scale, format }
    }
}

impl Neg for Quantity {
    type Output = Quantity;

    fn neg(self) -> Self {
        Self { mantissa: self.mantissa.saturating_neg(), ..self }
    }
}

impl Sub for Quantity {
    type Output = Quantity;

    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl AddAssign for Quantity {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Quantity {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl std::iter::Sum for Quantity {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests;

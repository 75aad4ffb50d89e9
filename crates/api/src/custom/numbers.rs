//! Limits of numbers, whole ones compared as whole ones.

use serde_json::{Number, Value};

use super::rules::{Bound, Rules};
use super::{Structural, ValueType};
use crate::path::Path;

/// What a number breaks, as the end of upstream's sentence.
pub(super) fn broken(schema: &Structural, rules: &Rules, number: &Number) -> Vec<String> {
    let mut broken = Vec::new();
    let one = |bound: &Option<Bound>, words: [&str; 2], is_out: fn(f64, f64) -> bool| {
        let bound = bound.as_ref()?;
        let (left, right) = (value(number), value(&bound.value));
        let out = match (number.as_i64(), bound.value.as_i64()) {
            (Some(left), Some(right)) if left == right => bound.exclusive,
            (Some(left), Some(right)) => is_out(f64::from(left.cmp(&right) as i8), 0.0),
            _ => is_out(left, right) || bound.exclusive && left == right,
        };
        out.then(|| format!("should be {} {}", words[usize::from(bound.exclusive)], shown(&bound.value)))
    };
    if let Some(factor) = &rules.multiple_of
        && !is_multiple(number, factor)
    {
        broken.push(format!("should be a multiple of {}", shown(factor)));
    }
    broken.extend(one(&rules.maximum, ["less than or equal to", "less than"], |left, right| left > right));
    broken.extend(one(&rules.minimum, ["greater than or equal to", "greater than"], |left, right| left < right));
    debug_assert!(schema.value_type != ValueType::Object);
    broken
}

/// Whether a number fits the type and format that the schema names; else upstream's sentence.
pub(super) fn out_of_range(schema: &Structural, format: &str, number: &Number, path: &Path) -> Option<String> {
    if schema.value_type != ValueType::Integer {
        return None;
    }
    let whole =
        number.as_i64().or_else(|| number.as_f64().filter(|float| float.abs() < 9.2e18).map(|float| float as i64));
    let fits = match format {
        "int32" => whole.is_some_and(|whole| i32::try_from(whole).is_ok()),
        _ => whole.is_some(),
    };
    let format = match format {
        "int32" | "int64" => format!("with format {format}"),
        _ => "(default format)".to_owned(),
    };
    (!fits).then(|| format!("Checked value must be of type integer {format} in {}", path.told()))
}

fn is_multiple(number: &Number, factor: &Number) -> bool {
    match (number.as_i64(), factor.as_i64()) {
        (Some(number), Some(factor)) => factor > 0 && number % factor == 0,
        _ => {
            let quotient = value(number) / value(factor);
            value(factor) > 0.0 && quotient == quotient.trunc()
        }
    }
}

fn value(number: &Number) -> f64 {
    number.as_f64().unwrap_or(f64::NAN)
}

/// As Go prints it.
fn shown(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if float.fract() == 0.0 && float.abs() < 1e21 => format!("{float:.0}"),
        _ => Value::Number(number.clone()).to_string(),
    }
}

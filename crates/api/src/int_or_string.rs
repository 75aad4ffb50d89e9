//! IntOrString: a number, or a text such as `25%` or a port's name.

use serde_json::Value;

/// Why a value is neither a number nor a percentage; upstream's messages.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntOrStringError {
    #[error("nil value for IntOrString")]
    Absent,
    #[error("invalid value for IntOrString: invalid type: string is not a percentage")]
    NotPercentage,
    #[error("invalid value for IntOrString: invalid value {0:?}: strconv.Atoi: parsing {1:?}: invalid syntax")]
    NotNumber(String, String),
    #[error("invalid value for IntOrString: invalid type: neither int nor percentage")]
    Type,
}

/// Which way a percentage of a total is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    Up,
    Down,
}

/// The number itself, or the percentage of `total`.
pub fn scaled(value: &Value, total: i64, rounding: Rounding) -> Result<i64, IntOrStringError> {
    match value {
        Value::Null => Err(IntOrStringError::Absent),
        Value::Number(number) => number.as_i64().ok_or(IntOrStringError::Type),
        Value::String(text) => {
            let percent = i128::from(percentage(text)?);
            let hundredths = percent * i128::from(total);
            let scaled = match rounding {
                Rounding::Down => hundredths.div_euclid(100),
                Rounding::Up => -(-hundredths).div_euclid(100),
            };
            Ok(i64::try_from(scaled).unwrap_or(if scaled < 0 { i64::MIN } else { i64::MAX }))
        }
        _ => Err(IntOrStringError::Type),
    }
}

/// The number before the `%`.
pub fn percentage(text: &str) -> Result<i64, IntOrStringError> {
    let digits = text.strip_suffix('%').ok_or(IntOrStringError::NotPercentage)?;
    digits.parse().map_err(|_| IntOrStringError::NotNumber(text.to_owned(), digits.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// As intstr_test.go of apimachinery has them.
    #[test]
    fn percentages_scale_either_way() {
        for (value, total, rounding, wanted) in [
            (json!(123), 0, Rounding::Up, 123),
            (json!("90%"), 100, Rounding::Up, 90),
            (json!("90%"), 95, Rounding::Up, 86),
            (json!("90%"), 95, Rounding::Down, 85),
            (json!("0%"), 5, Rounding::Up, 0),
            (json!("25%"), 3, Rounding::Up, 1),
            (json!("25%"), 3, Rounding::Down, 0),
        ] {
            assert_eq!(scaled(&value, total, rounding), Ok(wanted), "{value} of {total}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        assert_eq!(
            scaled(&json!("%"), 5, Rounding::Up).unwrap_err().to_string(),
            "invalid value for IntOrString: invalid value \"%\": strconv.Atoi: parsing \"\": invalid syntax"
        );
        assert_eq!(scaled(&json!("http"), 5, Rounding::Up), Err(IntOrStringError::NotPercentage));
        assert_eq!(scaled(&Value::Null, 5, Rounding::Up), Err(IntOrStringError::Absent));
        assert_eq!(scaled(&json!(true), 5, Rounding::Up), Err(IntOrStringError::Type));
    }
}

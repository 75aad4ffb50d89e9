//! Durations as Go reads them (time.ParseDuration), with its errors.

use std::time::Duration;

/// Go's time.ParseDuration; less than nothing is nothing. The error is its text without the duration.
pub(super) fn go_duration(text: &str) -> Result<Duration, String> {
    const INVALID: &str = "invalid duration";
    let (negative, mut rest) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(INVALID.to_owned());
    }
    let mut nanoseconds = 0.0;
    while !rest.is_empty() {
        let number = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(rest.len());
        // A second point begins a unit that there is not.
        let number = rest[..number].match_indices('.').nth(1).map_or(number, |(at, _)| at);
        if !rest[..number].bytes().any(|byte| byte.is_ascii_digit()) {
            return Err(INVALID.to_owned());
        }
        let after = &rest[number..];
        let unit = &after[..after.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(after.len())];
        let Ok(value) = rest[..number].parse::<f64>() else { return Err(INVALID.to_owned()) };
        nanoseconds += value * nanoseconds_in(unit)?;
        rest = &after[unit.len()..];
    }
    if nanoseconds >= 2_f64.powi(63) {
        return Err(INVALID.to_owned());
    }
    Ok(if negative { Duration::ZERO } else { Duration::from_nanos(nanoseconds as u64) })
}

fn nanoseconds_in(unit: &str) -> Result<f64, String> {
    match unit {
        "ns" => Ok(1.0),
        "us" | "µs" | "μs" => Ok(1e3),
        "ms" => Ok(1e6),
        "s" => Ok(1e9),
        "m" => Ok(60e9),
        "h" => Ok(3600e9),
        "" => Err("missing unit in duration".to_owned()),
        unit => Err(format!("unknown unit {unit:?} in duration")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_gos() {
        for (text, milliseconds) in
            [("0", 0), ("+5s", 5000), ("-5s", 0), (".5s", 500), ("1.s", 1000), ("1h1m1s1ms", 3_661_001), ("9us", 0)]
        {
            assert_eq!(go_duration(text).unwrap().as_millis(), milliseconds, "{text}");
        }
        let invalid = ["", "s", ".", "-", "+.s", "5 s", "1..5s", "2562048h", "1s-1s"];
        let texts = ["invalid duration"; 5].into_iter().chain([
            "unknown unit \" s\" in duration",
            "missing unit in duration",
            "invalid duration",
            "unknown unit \"s-\" in duration",
        ]);
        for (text, wanted) in invalid.into_iter().zip(texts) {
            assert_eq!(go_duration(text).unwrap_err(), wanted, "{text}");
        }
    }
}

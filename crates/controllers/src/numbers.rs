//! Small conversions between what the API stores and what controllers compute with.

use api::int_or_string::{Rounding, scaled};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::Value;

/// A count as a field that is left out when zero.
pub fn nonzero(count: i32) -> Option<i32> {
    (count != 0).then_some(count)
}

/// A length as the API counts.
pub fn count(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

/// A number, or a percentage of `total`. What validation let through and is neither counts as 0.
pub fn resolve(value: &IntOrString, total: i32, rounding: Rounding) -> i32 {
    let value = match value {
        IntOrString::Int(number) => return *number,
        IntOrString::String(text) => Value::String(text.clone()),
    };
    let resolved = scaled(&value, i64::from(total), rounding).unwrap_or(0);
    i32::try_from(resolved).unwrap_or(i32::MAX)
}

/// Now as the API writes it: whole seconds.
pub fn time(now: Timestamp) -> Time {
    Time(Timestamp::from_second(now.as_second()).expect("a present time is in range"))
}

/// Non-negative whole seconds.
pub fn seconds(seconds: i64) -> std::time::Duration {
    std::time::Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// What is left of `from + seconds` at `now`; zero when it has passed.
pub fn remaining(from: Timestamp, seconds: i64, now: Timestamp) -> std::time::Duration {
    let left = from.duration_since(now) + jiff::SignedDuration::from_secs(seconds);
    std::time::Duration::try_from(left).unwrap_or_default()
}

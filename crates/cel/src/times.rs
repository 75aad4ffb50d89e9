//! Durations and timestamps: reading, writing and taking apart.

use jiff::civil::{DateTime, date, time};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use crate::builtin::{Builtin, NO_OVERLOAD, Outcome};
use crate::value::Value;

/// A point in time, which remembers the offset it was written with.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// In UTC.
    pub(crate) at: DateTime,
    offset_seconds: i32,
}

impl PartialEq for Moment {
    fn eq(&self, other: &Moment) -> bool {
        self.at == other.at
    }
}

impl Eq for Moment {}

impl PartialOrd for Moment {
    fn partial_cmp(&self, other: &Moment) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Moment {
    fn cmp(&self, other: &Moment) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

/// The first moment that there is.
pub(crate) const FIRST: DateTime = date(1, 1, 1).to_datetime(time(0, 0, 0, 0));
const EPOCH: DateTime = date(1970, 1, 1).to_datetime(time(0, 0, 0, 0));

pub(crate) fn lookup(name: &str) -> Option<Builtin> {
    Some(match name {
        "getFullYear" => |args| part(args, |at| i64::from(at.year())),
        "getMonth" => |args| part(args, |at| i64::from(at.month()) - 1),
        "getDate" => |args| part(args, |at| i64::from(at.day())),
        "getDayOfMonth" => |args| part(args, |at| i64::from(at.day()) - 1),
        "getDayOfYear" => |args| part(args, |at| i64::from(at.date().day_of_year()) - 1),
        "getDayOfWeek" => |args| part(args, |at| i64::from(at.weekday().to_sunday_zero_offset())),
        "getHours" => |args| unit(args, 3_600_000_000_000, |at| i64::from(at.hour())),
        "getMinutes" => |args| unit(args, 60_000_000_000, |at| i64::from(at.minute())),
        "getSeconds" => |args| unit(args, 1_000_000_000, |at| i64::from(at.second())),
        "getMilliseconds" => |args| unit(args, 1_000_000, |at| i64::from(at.subsec_nanosecond() / 1_000_000)),
        _ => return None,
    })
}

fn unit<'a>(args: &[Value<'a>], nanos: i64, of: fn(&DateTime) -> i64) -> Outcome<'a> {
    match args {
        [Value::Duration(duration)] => Ok(Value::Int(duration / nanos)),
        _ => part(args, of),
    }
}

fn part<'a>(args: &[Value<'a>], of: fn(&DateTime) -> i64) -> Outcome<'a> {
    let (Some(Value::Timestamp(at)), zone) = (args.first(), args.get(1)) else { return Err(NO_OVERLOAD.to_owned()) };
    let at = at.at;
    let local = match zone {
        None => at,
        Some(Value::String(name)) => {
            let zone = time_zone(name)?;
            let moment = Offset::UTC.to_timestamp(at).unwrap_or(Timestamp::MAX);
            at.checked_add(SignedDuration::from_secs(i64::from(zone.to_offset(moment).seconds())))
                .map_err(|_| overflow())?
        }
        Some(_) => return Err(NO_OVERLOAD.to_owned()),
    };
    Ok(Value::Int(of(&local)))
}

fn overflow() -> String {
    "timestamp overflow".to_owned()
}

/// A name of the time zone database, or an offset such as `-02:30`.
fn time_zone(name: &str) -> Result<TimeZone, String> {
    let unknown = || format!("unknown time zone {name}");
    let Some((hours, minutes)) = name.split_once(':') else { return TimeZone::get(name).map_err(|_| unknown()) };
    let negative = hours.starts_with('-');
    let hours: i32 = hours.trim_start_matches(['+', '-']).parse().map_err(|_| unknown())?;
    let minutes: i32 = minutes.parse().map_err(|_| unknown())?;
    let seconds =
        hours.checked_mul(3600).and_then(|hours| hours.checked_add(minutes.checked_mul(60)?)).ok_or_else(unknown)?;
    let offset = Offset::from_seconds(if negative { -seconds } else { seconds }).map_err(|_| unknown())?;
    Ok(TimeZone::fixed(offset))
}

/// RFC 3339, in the years 1 to 9999.
pub(crate) fn parse_timestamp(text: &str) -> Option<Moment> {
    let bytes = text.as_bytes();
    if bytes.len() < 20
        || bytes.get(10) != Some(&b'T')
        || !text.is_ascii()
        || !bytes[..4].iter().all(u8::is_ascii_digit)
    {
        return None;
    }
    let (local, seconds) = match text.strip_suffix('Z') {
        Some(local) => (local, 0),
        None => {
            let (local, offset) = text.split_at(text.len() - 6);
            let sign = match offset.as_bytes() {
                [b'+', _, _, b':', ..] => -1,
                [b'-', _, _, b':', ..] => 1,
                _ => return None,
            };
            let part = |range: std::ops::Range<usize>, most: i64| {
                offset[range].parse::<i64>().ok().filter(|part| (0..most).contains(part))
            };
            (local, sign * (part(1..3, 24)? * 3600 + part(4..6, 60)? * 60))
        }
    };
    if local.contains(['Z', '+', '['])
        || local.len() < 19
        || local.as_bytes()[19..].first().is_some_and(|byte| *byte != b'.')
    {
        return None;
    }
    let at: DateTime = local.parse().ok()?;
    let at = at.checked_add(SignedDuration::from_secs(seconds)).ok()?;
    in_range(at, i32::try_from(-seconds).ok()?)
}

pub(crate) fn parse_date(text: &str) -> Option<Moment> {
    if text.len() != 10 {
        return None;
    }
    parse_timestamp(&format!("{text}T00:00:00Z"))
}

fn in_range(at: DateTime, offset_seconds: i32) -> Option<Moment> {
    (at >= FIRST).then_some(Moment { at, offset_seconds })
}

pub(crate) fn timestamp_of_seconds(seconds: i64) -> Option<Moment> {
    in_range(EPOCH.checked_add(SignedDuration::from_secs(seconds)).ok()?, 0)
}

/// Seconds since 1970.
pub(crate) fn seconds_of(moment: Moment) -> i64 {
    moment.at.duration_since(EPOCH).as_nanos().div_euclid(1_000_000_000) as i64
}

pub(crate) fn shift(moment: Moment, nanos: i64) -> Option<Moment> {
    in_range(moment.at.checked_add(SignedDuration::from_nanos(nanos)).ok()?, moment.offset_seconds)
}

pub(crate) fn between(later: Moment, earlier: Moment) -> Option<i64> {
    i64::try_from(later.at.duration_since(earlier.at).as_nanos()).ok()
}

/// RFC 3339, with the offset it was written with.
pub(crate) fn show_timestamp(moment: Moment) -> String {
    let local = moment.at.checked_add(SignedDuration::from_secs(i64::from(moment.offset_seconds)));
    match (local, moment.offset_seconds / 60) {
        (Ok(local), minutes) if minutes != 0 => {
            let sign = if minutes < 0 { '-' } else { '+' };
            format!("{local}{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
        }
        _ => format!("{}Z", moment.at),
    }
}

/// Go's notation of durations: `1h30m`, `-1.5s`, `0`; nanoseconds.
pub(crate) fn parse_duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').filter(|length| *length > 0)?;
        let number = &rest[..digits];
        let letters = rest[digits..].find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len() - digits);
        total = total.checked_add(amount(number, scale(&rest[digits..digits + letters])?)?)?;
        rest = &rest[digits + letters..];
    }
    i64::try_from(if negative { -total } else { total }).ok()
}

/// Durations of schemas, which know words too: `1 day`, `2 weeks`.
pub(crate) fn parse_worded_duration(text: &str) -> Option<i64> {
    if let Some(nanos) = parse_duration(text) {
        return Some(nanos);
    }
    let (mut total, mut found, mut rest) = (0_i64, false, text);
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        rest = &rest[start..];
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number: i64 = rest[..digits].parse().ok()?;
        rest = rest[digits..].trim_start();
        let letters = rest.find(|c: char| !(c.is_ascii_alphabetic() || c == 'µ')).unwrap_or(rest.len());
        if let Some(nanos) = worded_scale(&rest[..letters].to_lowercase()) {
            total = total.checked_add(number.checked_mul(nanos)?)?;
            found = true;
        }
        rest = &rest[letters..];
    }
    found.then_some(total)
}

fn worded_scale(unit: &str) -> Option<i64> {
    const UNITS: [(&[&str], &str, i64); 8] = [
        (&["ns"], "nano", 1),
        (&["us", "µs"], "micro", 1_000),
        (&["ms"], "milli", 1_000_000),
        (&["s"], "sec", 1_000_000_000),
        (&["m"], "min", 60_000_000_000),
        (&["h", "hr"], "hour", 3_600_000_000_000),
        (&["d"], "day", 86_400_000_000_000),
        (&["w", "wk"], "week", 604_800_000_000_000),
    ];
    UNITS.iter().find(|(names, word, _)| names.contains(&unit) || unit.starts_with(word)).map(|(_, _, nanos)| *nanos)
}

fn scale(unit: &str) -> Option<i128> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

fn amount(number: &str, scale: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let mut nanos = if whole.is_empty() { 0 } else { whole.parse::<i128>().ok()?.checked_mul(scale)? };
    let mut unit = scale;
    for digit in fraction.bytes().take(18) {
        unit /= 10;
        nanos += i128::from(digit - b'0') * unit;
    }
    Some(nanos)
}

/// `string(duration)`: seconds with as many decimals as there are.
pub(crate) fn show_duration(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let (seconds, rest) = (nanos.unsigned_abs() / 1_000_000_000, nanos.unsigned_abs() % 1_000_000_000);
    let decimals = format!("{rest:09}");
    let decimals = decimals.trim_end_matches('0');
    let point = if decimals.is_empty() { "" } else { "." };
    format!("{sign}{seconds}{point}{decimals}s")
}

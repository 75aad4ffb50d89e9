//! Semantic versions.

use std::cmp::Ordering;

use crate::builtin::{Builtin, NO_OVERLOAD, Outcome};
use crate::library::Library;
use crate::value::Value;

#[derive(Debug, Clone)]
pub struct Semver {
    pub(crate) text: String,
    numbers: [u64; 3],
    pre: Vec<String>,
}

pub(crate) fn lookup(name: &str) -> Option<Builtin> {
    Some(match name {
        "semver" => |args| parse(args)?.map(|version| Value::library(Library::Semver(version))),
        "isSemver" => |args| Ok(Value::Bool(parse(args)?.is_ok())),
        "major" => |args| part(args, 0),
        "minor" => |args| part(args, 1),
        "patch" => |args| part(args, 2),
        _ => return None,
    })
}

fn parse(args: &[Value<'_>]) -> Result<Result<Semver, String>, String> {
    match args {
        [Value::String(text)] | [Value::String(text), Value::Bool(false)] => Ok(Semver::parse(text)),
        [Value::String(text), Value::Bool(true)] => Ok(normalize(text).and_then(|text| Semver::parse(&text))),
        _ => Err(NO_OVERLOAD.to_owned()),
    }
}

fn of<'v>(value: Option<&'v Value<'_>>) -> Result<&'v Semver, String> {
    match value {
        Some(Value::Library(value)) => match &**value {
            Library::Semver(version) => Ok(version),
            _ => Err(NO_OVERLOAD.to_owned()),
        },
        _ => Err(NO_OVERLOAD.to_owned()),
    }
}

fn part<'a>(args: &[Value<'a>], index: usize) -> Outcome<'a> {
    Ok(Value::Int(of(args.first())?.numbers[index] as i64))
}

pub(crate) fn compare<'a>(args: &[Value<'a>], result: fn(Ordering) -> Value<'static>) -> Outcome<'a> {
    Ok(result(of(args.first())?.compare(of(args.get(1))?)))
}

/// A leading v, leading zeros and missing parts are made good.
fn normalize(text: &str) -> Result<String, String> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let mut parts: Vec<String> = text.splitn(3, '.').map(str::to_owned).collect();
    for part in &mut parts {
        if part.len() > 1 {
            let trimmed = part.trim_start_matches('0');
            let zero = if trimmed.starts_with(|c: char| c.is_ascii_digit()) { "" } else { "0" };
            *part = format!("{zero}{trimmed}");
        }
    }
    if parts.len() < 3 && parts.last().is_some_and(|last| last.contains(['+', '-'])) {
        return Err("short version cannot contain PreRelease/Build meta data".to_owned());
    }
    parts.resize(3.max(parts.len()), "0".to_owned());
    Ok(parts.join("."))
}

impl Semver {
    fn parse(text: &str) -> Result<Semver, String> {
        if text.is_empty() {
            return Err("Version string empty".to_owned());
        }
        let parts: Vec<&str> = text.splitn(3, '.').collect();
        let [major, minor, rest] = parts[..] else { return Err("No Major.Minor.Patch elements found".to_owned()) };
        let (rest, build) = rest.split_once('+').map_or((rest, None), |(rest, build)| (rest, Some(build)));
        let (patch, pre) = rest.split_once('-').map_or((rest, None), |(patch, pre)| (patch, Some(pre)));
        let numbers = [number("Major", major)?, number("Minor", minor)?, number("Patch", patch)?];
        let pre: Vec<String> = pre.map(|pre| pre.split('.').map(str::to_owned).collect()).unwrap_or_default();
        for part in &pre {
            identifier(part, "Prerelease")?;
            if part.len() > 1 && part.starts_with('0') && part.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(format!("Numeric PreRelease version must not contain leading zeroes {part:?}"));
            }
        }
        for part in build.into_iter().flat_map(|build| build.split('.')) {
            identifier(part, "Build meta data")?;
        }
        Ok(Semver { text: text.to_owned(), numbers, pre })
    }

    pub(crate) fn compare(&self, other: &Semver) -> Ordering {
        let pre = || match (self.pre.is_empty(), other.pre.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => compare_pre(&self.pre, &other.pre),
        };
        self.numbers.cmp(&other.numbers).then_with(pre)
    }
}

fn number(name: &str, text: &str) -> Result<u64, String> {
    let low = name.to_lowercase();
    if text.bytes().any(|byte| !byte.is_ascii_digit()) {
        return Err(format!("Invalid character(s) found in {low} number {text:?}"));
    }
    if text.len() > 1 && text.starts_with('0') {
        return Err(format!("{name} number must not contain leading zeroes {text:?}"));
    }
    text.parse().map_err(|_| format!("strconv.ParseUint: parsing {text:?}: invalid syntax"))
}

fn identifier(text: &str, what: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err(format!("{what} is empty"));
    }
    if text.bytes().any(|byte| !byte.is_ascii_alphanumeric() && byte != b'-') {
        return Err(format!("Invalid character(s) found in {} {text:?}", what.to_lowercase()));
    }
    Ok(())
}

fn compare_pre(left: &[String], right: &[String]) -> Ordering {
    for (left, right) in left.iter().zip(right) {
        let order = match (left.parse::<u64>(), right.parse::<u64>()) {
            (Ok(left), Ok(right)) => left.cmp(&right),
            (Ok(_), Err(_)) => Ordering::Less,
            (Err(_), Ok(_)) => Ordering::Greater,
            (Err(_), Err(_)) => left.cmp(right),
        };
        if order.is_ne() {
            return order;
        }
    }
    left.len().cmp(&right.len())
}

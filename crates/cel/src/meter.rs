//! What a call costs when it runs: by the function, or else by the overload, from the sizes of what it was given and gave back.

use crate::library::Library;
use crate::value::Value;

/// The share of a unit that one character or byte costs.
pub(crate) const TEXT: f64 = 0.1;
/// The same for a character of a pattern.
pub(crate) const PATTERN: f64 = 0.25;
pub(crate) const LIST: u64 = 10;
pub(crate) const MAP: u64 = 30;
pub(crate) const OBJECT: u64 = 40;
/// One question to the authorizer.
pub(crate) const CHECK: u64 = 350_000;

/// An argument or a result; an error has size 1.
pub(crate) type Seen<'v, 'a> = Option<&'v Value<'a>>;

fn size(value: Seen<'_, '_>) -> u64 {
    value.map_or(1, Value::size)
}

fn text(size: u64, factor: f64) -> u64 {
    (size as f64 * factor).ceil() as u64
}

pub(crate) fn call(function: &str, overload: &str, args: &[Seen<'_, '_>], result: Seen<'_, '_>) -> u64 {
    by_overload(overload, args, result)
        .or_else(|| by_function(function, overload, args, result))
        .unwrap_or_else(|| standard(overload, args))
}

/// Whether a call takes so long that it is only begun when it can be paid: its cost grows faster than what it is given.
pub(crate) fn is_heavy(overload: &str) -> bool {
    matches!(
        overload,
        "list_distinct"
            | "list_sets_contains_list"
            | "list_sets_intersects_list"
            | "list_sets_equivalent_list"
            | "lists_range"
    ) || matches!(overload, "matches" | "matches_string" | "contains_string")
        || overload.starts_with("string_find")
}

/// The costs that the lists and sets libraries bring along.
fn by_overload(overload: &str, args: &[Seen<'_, '_>], result: Seen<'_, '_>) -> Option<u64> {
    let allocating = |factor: f64, size: u64| ((size as f64 * factor) as u64).saturating_add(1 + LIST);
    let depth = match args.get(1) {
        Some(Some(Value::Int(depth))) if *depth >= 0 => *depth as f64,
        _ => 1.0,
    };
    Some(match overload {
        "list_slice" | "lists_range" | "list_reverse" => allocating(1.0, size(result)),
        "list_flatten" | "list_flatten_int" => allocating(depth, size(args[0])),
        "list_distinct" => self_compare(args[0]),
        "list_sets_contains_list" | "list_sets_intersects_list" => 1 + size(args[0]).saturating_mul(size(args[1])),
        "list_sets_equivalent_list" => 1 + size(args[0]).saturating_mul(size(args[1])).saturating_mul(2),
        _ if overload.starts_with("list_") && overload.ends_with("_sort") => self_compare(args[0]),
        _ if overload.ends_with("_sortByAssociatedKeys") => self_compare(args[1]),
        _ => return None,
    })
}

/// Every item with every other.
fn self_compare(list: Seen<'_, '_>) -> u64 {
    let length = size(list);
    let first = match list {
        Some(Value::List(list)) => list.get(0).and_then(Result::ok),
        _ => None,
    };
    let factor = 2.0 + if matches!(first, Some(Value::String(_) | Value::Bytes(_))) { TEXT } else { 0.0 };
    ((length.saturating_mul(length) as f64 * factor) as u64).saturating_add(1 + LIST)
}

fn by_function(function: &str, overload: &str, args: &[Seen<'_, '_>], result: Seen<'_, '_>) -> Option<u64> {
    let first = || args.first().map_or(1, |value| size(*value));
    let second = || args.get(1).map_or(1, |value| size(*value));
    Some(match function {
        "check" => CHECK,
        _ if is_step(function) => 1,
        "fieldSelector" | "labelSelector" => selector(second()),
        "isSorted" | "sum" | "max" | "min" | "indexOf" | "lastIndexOf" | "includes" => {
            args.first().copied().flatten().map_or(1, traversal)
        }
        "ip" if overload == "cidr_ip" => 1,
        "url"
        | "lowerAscii"
        | "upperAscii"
        | "substring"
        | "trim"
        | "jsonpatch.escapeKey"
        | "ip"
        | "cidr"
        | "isIP"
        | "isCIDR"
        | "quantity"
        | "isQuantity"
        | "semver"
        | "isSemver" => text(first(), TEXT),
        "replace" | "split" | "ip.isCanonical" => text(first(), 2.0 * TEXT),
        "join" => text(size(result), 2.0 * TEXT),
        "find" | "findAll" => pattern(first(), second()),
        "containsIP" => {
            text(2 * first(), TEXT) + if overload == "cidr_contains_ip_string" { text(second(), TEXT) } else { 0 }
        }
        "containsCIDR" => {
            let parse = if overload == "cidr_contains_cidr_string" { text(second(), TEXT) } else { 0 };
            text(2 * first(), TEXT) + text(first(), TEXT) + 1 + parse
        }
        "validate" => match args.first() {
            Some(Some(Value::Library(value))) => match &**value {
                Library::Format(format) => pattern(second(), format.pattern),
                _ => return None,
            },
            _ => return None,
        },
        "_==_" if matches!(args.first(), Some(Some(Value::Library(_) | Value::Authorizer(_)))) => 1,
        _ => return None,
    })
}

/// Looking something up in a value of a library: one unit.
pub(crate) fn is_step(function: &str) -> bool {
    const STEPS: [&str; 38] = [
        "serviceAccount",
        "path",
        "group",
        "resource",
        "subresource",
        "namespace",
        "name",
        "allowed",
        "reason",
        "error",
        "errored",
        "masked",
        "prefixLength",
        "family",
        "isUnspecified",
        "isLoopback",
        "isLinkLocalMulticast",
        "isLinkLocalUnicast",
        "isGlobalUnicast",
        "format.named",
        "sign",
        "asInteger",
        "isInteger",
        "asApproximateFloat",
        "isGreaterThan",
        "isLessThan",
        "compareTo",
        "add",
        "sub",
        "major",
        "minor",
        "patch",
        "getScheme",
        "getHostname",
        "getHost",
        "getPort",
        "getEscapedPath",
        "getQuery",
    ];
    STEPS.contains(&function)
}

pub(crate) fn selector(length: u64) -> u64 {
    LIST.saturating_add(text(length, TEXT)).saturating_add(text(text(length, 0.5), (LIST + OBJECT) as f64))
}

fn pattern(length: u64, pattern: u64) -> u64 {
    text(length.saturating_add(1), TEXT).saturating_mul(text(pattern, PATTERN))
}

/// What walking through a value costs.
fn traversal(value: &Value<'_>) -> u64 {
    match value {
        Value::String(value) => (value.len() as f64 * TEXT) as u64,
        Value::Bytes(value) => (value.len() as f64 * TEXT) as u64,
        Value::List(list) => list.iter().map(|item| item.map_or(1, |item| traversal(&item))).sum(),
        Value::Map(map) => {
            let member = |key: &Value<'_>| map.find(key).and_then(Result::ok).map_or(1, |value| traversal(&value));
            map.keys().iter().map(|key| traversal(key) + member(key)).sum()
        }
        _ => 1,
    }
}

/// Whether a call compares its two sides to the end of the shorter one.
pub(crate) fn reads_both(overload: &str) -> bool {
    matches!(
        overload,
        "less_string"
            | "greater_string"
            | "less_equals_string"
            | "greater_equals_string"
            | "less_bytes"
            | "greater_bytes"
            | "less_equals_bytes"
            | "greater_equals_bytes"
            | "equals"
            | "not_equals"
    )
}

fn standard(overload: &str, args: &[Seen<'_, '_>]) -> u64 {
    let first = || args.first().map_or(1, |value| size(*value));
    let second = || args.get(1).map_or(1, |value| size(*value));
    match overload {
        "starts_with_string" | "ends_with_string" => text(second(), TEXT),
        "string_to_bytes" | "bytes_to_string" | "strings_quote" | "string_format" => text(first(), TEXT),
        "in_list" => second(),
        _ if reads_both(overload) => text(first().min(second()), TEXT),
        "add_string" | "add_bytes" => text(first().saturating_add(second()), TEXT),
        "matches" | "matches_string" => pattern(first(), second()),
        "contains_string" => text(first(), TEXT).saturating_mul(text(second(), TEXT)),
        _ => 1,
    }
}

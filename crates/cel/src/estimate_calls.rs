//! The static estimate of calls: by the libraries that bring their own, by the function, else by the overload.

use crate::estimate::{CostEstimate, Size};
use crate::formats::{MAX_NAME, MAX_PATTERN};
use crate::meter::{self, PATTERN, TEXT, reads_both};
use crate::types::Type;

/// An argument as estimates see it.
pub(crate) struct Subject<'e> {
    pub path: Vec<String>,
    pub of: &'e Type,
    /// What is known of its size from the expression and from declarations.
    pub size: Option<Size>,
    /// When it is written down as an int.
    pub literal: Option<i64>,
}

impl Subject<'_> {
    pub(crate) fn known_size(&self) -> Size {
        self.size.unwrap_or(Size::UNKNOWN)
    }

    fn unsigned(&self, otherwise: u64) -> u64 {
        self.literal.map_or(otherwise, |value| u64::try_from(value).unwrap_or_default())
    }
}

pub(crate) struct CallEstimate {
    pub cost: CostEstimate,
    /// The size of the result, where it is known.
    pub size: Option<Size>,
}

type Bounds<'b> = dyn Fn(&Subject<'_>) -> Option<Size> + 'b;

fn costs(cost: CostEstimate) -> CallEstimate {
    CallEstimate { cost, size: None }
}

fn one() -> CallEstimate {
    costs(CostEstimate::fixed(1))
}

/// The estimate without that of the arguments themselves.
pub(crate) fn call_estimate(
    function: &str,
    overload: &str,
    target: Option<&Subject<'_>>,
    args: &[Subject<'_>],
    bounds: &Bounds<'_>,
) -> CallEstimate {
    let size = |subject: &Subject<'_>| subject.size.or_else(|| bounds(subject)).unwrap_or(Size::UNKNOWN);
    by_overload(overload, target, args, &size)
        .or_else(|| by_list(function, target, bounds))
        .or_else(|| by_text(function, target, args, &size))
        .or_else(|| by_function(function, overload, args, &size))
        .or_else(|| by_equality(function, args))
        .unwrap_or_else(|| standard(overload, target, args))
}

/// A call that makes a list.
fn allocating(factor: f64, size: Size) -> CallEstimate {
    CallEstimate { cost: size.scaled(factor).plus(CostEstimate::fixed(1 + meter::LIST)), size: Some(size) }
}

fn by_overload(
    overload: &str,
    target: Option<&Subject<'_>>,
    args: &[Subject<'_>],
    size: &dyn Fn(&Subject<'_>) -> Size,
) -> Option<CallEstimate> {
    let sorted = |list: &Subject<'_>| {
        let texts = overload.contains("_string_") || overload.contains("_bytes_");
        let length = size(list);
        allocating(if texts { 2.0 + TEXT } else { 2.0 }, length.times(length))
    };
    Some(match (overload, target, args) {
        ("list_slice", Some(list), [start, end]) => {
            let (start, end) = (start.unsigned(0), end.unsigned(size(list).max));
            allocating(1.0, Size::fixed(end.wrapping_sub(start)))
        }
        ("lists_range", None, [length]) => allocating(1.0, Size::fixed(length.unsigned(u64::MAX))),
        ("list_reverse", Some(list), _) => allocating(1.0, size(list)),
        ("list_flatten", Some(list), _) => allocating(1.0, size(list)),
        ("list_flatten_int", Some(list), [depth]) => allocating(depth.unsigned(u64::MAX) as f64, size(list)),
        ("list_distinct", Some(list), _) => allocating(2.0, size(list).times(size(list))),
        (_, Some(list), []) if overload.starts_with("list_") && overload.ends_with("_sort") => sorted(list),
        (_, Some(_), [keys]) if overload.ends_with("_sortByAssociatedKeys") => sorted(keys),
        ("list_sets_contains_list" | "list_sets_intersects_list", _, [left, right]) => {
            costs(size(left).times(size(right)).scaled(1.0).plus(CostEstimate::fixed(1)))
        }
        ("list_sets_equivalent_list", _, [left, right]) => {
            costs(size(left).times(size(right)).scaled(2.0).plus(CostEstimate::fixed(1)))
        }
        _ => return None,
    })
}

/// The functions that walk through a list once, and those of strings with the same names.
fn by_list(function: &str, target: Option<&Subject<'_>>, bounds: &Bounds<'_>) -> Option<CallEstimate> {
    if !matches!(function, "isSorted" | "sum" | "max" | "min" | "indexOf" | "lastIndexOf" | "includes") {
        return None;
    }
    let target = target?;
    let length = target.size.or_else(|| bounds(target)).unwrap_or(Size::UNKNOWN);
    let Some(items) = items(target) else {
        let scaled = if function == "includes" { length } else { length.scaled(TEXT) };
        return Some(costs(scaled));
    };
    if matches!(items.of, Type::String | Type::Bytes) {
        let item = bounds(&items).unwrap_or(Size::UNKNOWN);
        return Some(costs(length.times(CostEstimate::fixed(1).plus(item.scaled(TEXT)))));
    }
    Some(costs(length.times(CostEstimate::fixed(1))))
}

/// The items of a list, or the first parameter of another type.
fn items<'s>(subject: &Subject<'s>) -> Option<Subject<'s>> {
    let of = match subject.of {
        Type::List(items) | Type::Map(items, _) | Type::Type(Some(items)) => &**items,
        Type::Opaque(_, params) => params.first()?,
        _ => return None,
    };
    let mut path = subject.path.clone();
    if !path.is_empty() {
        path.push("@items".to_owned());
    }
    Some(Subject { path, of, size: None, literal: None })
}

fn by_text(
    function: &str,
    target: Option<&Subject<'_>>,
    args: &[Subject<'_>],
    size: &dyn Fn(&Subject<'_>) -> Size,
) -> Option<CallEstimate> {
    Some(match (function, target, args) {
        ("url" | "jsonpatch.escapeKey", _, [text]) => {
            CallEstimate { cost: size(text).scaled(TEXT), size: Some(size(text)) }
        }
        ("lowerAscii" | "upperAscii" | "substring" | "trim", Some(text), _) => {
            CallEstimate { cost: size(text).scaled(TEXT), size: Some(size(text)) }
        }
        ("replace", Some(text), [from, to, ..]) => {
            let result = replaced(size(text), size(from), size(to));
            CallEstimate { cost: size(text).scaled(2.0 * TEXT), size: Some(result) }
        }
        ("split", Some(text), _) => {
            let most = args.get(1).and_then(|limit| limit.literal).map_or(size(text).max, |limit| limit as u64);
            CallEstimate { cost: size(text).scaled(2.0 * TEXT), size: Some(Size { min: 0, max: most }) }
        }
        ("join", Some(list), _) => {
            let length = size(list);
            let mut result = items(list).map_or(Size::fixed(0), |items| length.times(size(&items)));
            if let Some(separator) = args.first() {
                let separators = Size { min: length.min.saturating_sub(1), max: length.max.saturating_sub(1) };
                result = result.plus(size(separator).times(separators));
            }
            CallEstimate { cost: result.scaled(TEXT), size: Some(result) }
        }
        ("find" | "findAll", Some(text), [pattern, ..]) => {
            let cost = size(text).plus(Size::fixed(1)).scaled(TEXT).times(size(pattern).scaled(PATTERN));
            CallEstimate { cost, size: Some(Size { min: 0, max: size(text).max }) }
        }
        _ => return None,
    })
}

/// The size of a text after replacements: the most and the least that they can leave.
fn replaced(text: Size, from: Size, to: Size) -> Size {
    let (mut count, mut kept) = (Size::fixed(0), Size::fixed(0));
    if from.min == 0 {
        count.max = text.max.saturating_add(1);
        kept.max = text.max;
    } else if to.max <= from.min {
        kept.max = text.max;
    } else {
        count.max = (text.max as f64 / from.min as f64).ceil() as u64;
    }
    if from.max == 0 {
        count.min = text.min.saturating_add(1);
        kept.min = text.min;
    } else if from.max <= to.min {
        kept.min = text.min;
    } else {
        count.min = (text.min as f64 / from.max as f64).ceil() as u64;
    }
    count.times(to).plus(kept)
}

fn by_function(
    function: &str,
    overload: &str,
    args: &[Subject<'_>],
    size: &dyn Fn(&Subject<'_>) -> Size,
) -> Option<CallEstimate> {
    let address = Size { min: 4, max: 16 };
    Some(match (function, args) {
        ("check", _) => costs(CostEstimate::fixed(meter::CHECK)),
        ("fieldSelector" | "labelSelector", [text]) => {
            let length = size(text);
            let most = if length.max == u64::MAX { u64::MAX } else { meter::selector(length.max) };
            costs(CostEstimate { min: meter::selector(length.min), max: most })
        }
        _ if meter::is_step(function) => one(),
        ("ip", _) if overload == "cidr_ip" => one(),
        ("ip" | "cidr" | "isIP" | "isCIDR" | "quantity" | "isQuantity" | "semver" | "isSemver", [text, ..]) => {
            costs(size(text).scaled(TEXT))
        }
        ("ip.isCanonical", [text, ..]) => costs(size(text).scaled(2.0 * TEXT)),
        ("containsIP", [other, ..]) => {
            let parse =
                if overload == "cidr_contains_ip_string" { size(other).scaled(TEXT) } else { CostEstimate::fixed(0) };
            costs(address.plus(address).scaled(TEXT).plus(parse))
        }
        ("containsCIDR", [other, ..]) => {
            let parse =
                if overload == "cidr_contains_cidr_string" { size(other).scaled(TEXT) } else { CostEstimate::fixed(0) };
            let compare = address.plus(address).scaled(TEXT).plus(address.scaled(TEXT)).plus(CostEstimate::fixed(1));
            costs(compare.plus(parse))
        }
        ("validate", [text, ..]) => costs(size(text).scaled(TEXT).scaled(MAX_PATTERN * PATTERN)),
        _ => return None,
    })
}

/// Equality of the libraries' values, which takes one step for most.
fn by_equality(function: &str, args: &[Subject<'_>]) -> Option<CallEstimate> {
    let ("_==_", [left, right]) = (function, args) else { return None };
    if left.of != right.of {
        return None;
    }
    Some(match left.of {
        Type::Opaque(name, _) if matches!(&**name, "net.IP" | "net.CIDR") => one(),
        Type::Object(name) => match &**name {
            "kubernetes.Quantity" | "kubernetes.Semver" => one(),
            name if name.starts_with("kubernetes.authorization.") => one(),
            "kubernetes.NamedFormat" => costs(CostEstimate { min: 1, max: MAX_NAME }.scaled(TEXT)),
            "kubernetes.URL" => {
                let most = right.size.map_or(1, |size| size.max);
                costs(CostEstimate { min: 1, max: most }.scaled(TEXT))
            }
            _ => return None,
        },
        _ => return None,
    })
}

fn standard(overload: &str, target: Option<&Subject<'_>>, args: &[Subject<'_>]) -> CallEstimate {
    let pattern = |text: &Subject<'_>, pattern: &Subject<'_>| {
        text.known_size().plus(Size::fixed(1)).scaled(TEXT).times(pattern.known_size().scaled(PATTERN))
    };
    match (overload, target, args) {
        ("string_format", Some(text), _) => costs(text.known_size().scaled(TEXT)),
        ("string_to_bytes", _, [text]) => {
            let size = text.known_size();
            let result = Size { min: size.min, max: size.max.wrapping_mul(4) };
            CallEstimate { cost: size.scaled(TEXT), size: Some(result) }
        }
        ("bytes_to_string", _, [bytes]) => {
            let size = bytes.known_size();
            CallEstimate { cost: size.scaled(TEXT), size: Some(Size { min: size.min / 4, max: size.max }) }
        }
        ("strings_quote", _, [text]) => {
            let size = text.known_size();
            let result = Size { min: size.min.wrapping_add(2), max: size.max.wrapping_mul(2).wrapping_add(2) };
            CallEstimate { cost: size.scaled(TEXT), size: Some(result) }
        }
        ("starts_with_string" | "ends_with_string", _, [part]) => costs(part.known_size().scaled(TEXT)),
        ("in_list", _, [_, list]) => costs(list.known_size().scaled(1.0)),
        ("matches_string", Some(text), [regex]) | ("matches", None, [text, regex]) => costs(pattern(text, regex)),
        ("contains_string", Some(text), [part]) => {
            costs(text.known_size().scaled(TEXT).times(part.known_size().scaled(TEXT)))
        }
        ("add_list", _, [left, right]) => {
            CallEstimate { cost: CostEstimate::fixed(1), size: Some(left.known_size().plus(right.known_size())) }
        }
        ("add_string" | "add_bytes", _, [left, right]) => {
            let size = left.known_size().plus(right.known_size());
            CallEstimate { cost: size.scaled(TEXT), size: Some(size) }
        }
        (overload, _, [left, right]) if reads_both(overload) => {
            let most = left.known_size().max.min(right.known_size().max);
            costs(CostEstimate { min: u64::from(most > 0), max: most }.scaled(TEXT))
        }
        _ => one(),
    }
}

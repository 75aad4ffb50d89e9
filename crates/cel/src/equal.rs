//! Equality and order. Values of different types are not equal, numbers excepted, which compare by what they stand for.

use std::cmp::Ordering;

use crate::decl::ListKind;
use crate::value::{Key, List, Map, Text, Value, View};

pub(crate) fn equal(left: &Value<'_>, right: &Value<'_>) -> bool {
    if let Some(order) = numbers(left, right) {
        return order == Some(Ordering::Equal);
    }
    match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::String(left), Value::String(right)) => **left == **right,
        (Value::Bytes(left), Value::Bytes(right)) => left == right,
        (Value::Duration(left), Value::Duration(right)) => left == right,
        (Value::Timestamp(left), Value::Timestamp(right)) => left == right,
        (Value::List(left), Value::List(right)) => lists(left, right),
        (Value::Map(left), Value::Map(right)) => maps(left, right),
        (Value::Optional(left), Value::Optional(right)) => match (left, right) {
            (None, None) => true,
            (Some(left), Some(right)) => equal(left, right),
            _ => false,
        },
        (Value::Type(left), Value::Type(right)) => left.name() == right.name(),
        (Value::Library(left), Value::Library(right)) => left.equal(right),
        (Value::Hidden(left), Value::Hidden(right)) => left == right,
        (Value::Object(left), Value::Object(right)) => {
            left.name == right.name
                && left.fields.len() == right.fields.len()
                && left
                    .fields
                    .iter()
                    .zip(&right.fields)
                    .all(|((name, value), (other, against))| name == other && equal(value, against))
        }
        _ => false,
    }
}

/// The order of two numbers of any types: none when one is no number, some none when one is not a number (NaN).
pub(crate) fn numbers(left: &Value<'_>, right: &Value<'_>) -> Option<Option<Ordering>> {
    Some(match (left, right) {
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(right)),
        (Value::Uint(left), Value::Uint(right)) => Some(left.cmp(right)),
        (Value::Double(left), Value::Double(right)) => left.partial_cmp(right),
        (Value::Int(left), Value::Uint(right)) => Some(i128::from(*left).cmp(&i128::from(*right))),
        (Value::Uint(left), Value::Int(right)) => Some(i128::from(*left).cmp(&i128::from(*right))),
        (Value::Int(left), Value::Double(right)) => with_double(i128::from(*left), *right),
        (Value::Uint(left), Value::Double(right)) => with_double(i128::from(*left), *right),
        (Value::Double(left), Value::Int(right)) => with_double(i128::from(*right), *left).map(Ordering::reverse),
        (Value::Double(left), Value::Uint(right)) => with_double(i128::from(*right), *left).map(Ordering::reverse),
        _ => return None,
    })
}

fn with_double(left: i128, right: f64) -> Option<Ordering> {
    if right.is_nan() {
        return None;
    }
    if right.abs() >= 1e20 {
        return Some(if right > 0.0 { Ordering::Less } else { Ordering::Greater });
    }
    (left as f64).partial_cmp(&right)
}

/// The order of two values that have one; none when they have none.
pub(crate) fn compare(left: &Value<'_>, right: &Value<'_>) -> Option<Ordering> {
    if let Some(order) = numbers(left, right) {
        return order;
    }
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::String(left), Value::String(right)) => Some((**left).cmp(&**right)),
        (Value::Bytes(left), Value::Bytes(right)) => Some(left.cmp(right)),
        (Value::Duration(left), Value::Duration(right)) => Some(left.cmp(right)),
        (Value::Timestamp(left), Value::Timestamp(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

fn lists(left: &List<'_>, right: &List<'_>) -> bool {
    if left.len() != right.len() {
        return false;
    }
    match left {
        List::Json { kind: ListKind::Set, .. } => {
            let (Ok(left), Ok(right)) = (sorted_keys(left), sorted_keys(right)) else { return false };
            left == right
        }
        List::Json { kind: ListKind::Map(keys), .. } => {
            let Ok(others) = right.values() else { return false };
            let (mut by_key, mut seen) = (std::collections::BTreeMap::new(), 0);
            for item in left.iter() {
                let Ok(item) = item else { return false };
                by_key.insert(map_key(&item, keys), item);
            }
            for other in &others {
                match by_key.get(&map_key(other, keys)) {
                    Some(item) if equal(item, other) => seen += 1,
                    _ => return false,
                }
            }
            seen == by_key.len()
        }
        _ => left.iter().zip(right.iter()).all(|pair| matches!(pair, (Ok(left), Ok(right)) if equal(&left, &right))),
    }
}

fn sorted_keys(list: &List<'_>) -> Result<Vec<String>, String> {
    let mut keys: Vec<String> = list.values()?.iter().map(crate::show::show).collect();
    keys.sort();
    keys.dedup();
    Ok(keys)
}

/// What tells an item of a list with keys from the others.
pub(crate) fn map_key(item: &Value<'_>, keys: &[String]) -> String {
    let Value::Map(map) = item else { return String::new() };
    let mut text = String::new();
    for key in keys {
        let name = crate::escape::escape(key).unwrap_or_else(|| key.clone());
        let value = map.find(&Value::String(Text::Borrowed(&name)));
        text.push_str(&value.and_then(Result::ok).map_or_else(String::new, |value| crate::show::show(&value)));
        text.push('\u{0}');
    }
    text
}

fn maps(left: &Map<'_>, right: &Map<'_>) -> bool {
    if left.len() != right.len() {
        return false;
    }
    if let (Map::Json { object: a, view: View::Object(decl) }, Map::Json { object: b, .. }) = (left, right) {
        // What expressions cannot name counts as well, when both have it.
        for (name, value) in
            a.iter().filter(|(name, _)| decl.fields.get(*name).is_none_or(|field| field.identifier.is_none()))
        {
            if b.get(name).is_some_and(|other| value != other) {
                return false;
            }
        }
    }
    left.keys().iter().all(|key| match (left.find(key), right.find(key)) {
        (Some(Ok(left)), Some(Ok(right))) => equal(&left, &right),
        (None, None) => true,
        _ => false,
    })
}

/// Whether a list has an equal item.
pub(crate) fn contains(list: &List<'_>, value: &Value<'_>) -> bool {
    list.iter().any(|item| item.is_ok_and(|item| equal(&item, value)))
}

/// The key of a map for a value, where it can be one.
pub(crate) fn key(value: &Value<'_>) -> Result<Key, String> {
    Key::of(value).ok_or_else(|| format!("unsupported key type: {}", value.of_type().name()))
}

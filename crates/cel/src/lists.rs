//! Lists: Kubernetes' library, the lists library of the language, and sets.

use std::cmp::Ordering;

use crate::builtin::{Builtin, NO_OVERLOAD, Outcome};
use crate::equal::{compare, contains, equal};
use crate::value::{List, Value};

/// The longest list that `lists.range` makes: a longer one would be over every budget.
const MAX_RANGE: i64 = 1_000_000;

pub(crate) fn lookup(name: &str) -> Option<Builtin> {
    Some(match name {
        "isSorted" => is_sorted,
        "sum" => sum,
        "min" => |args| extreme(args, "min", Ordering::Less),
        "max" => |args| extreme(args, "max", Ordering::Greater),
        "indexOf" => index_of,
        "lastIndexOf" => last_index_of,
        "includes" => |args| match args {
            [Value::List(list), value] => Ok(Value::Bool(contains(list, value))),
            _ => none(),
        },
        "slice" => slice,
        "flatten" => flatten,
        "lists.range" => range,
        "reverse" => |args| {
            let mut values = one(args)?.values()?;
            values.reverse();
            Ok(Value::list(values))
        },
        "distinct" => distinct,
        "sort" => |args| {
            let values = one(args)?.values()?;
            sort_by(values.clone(), &values)
        },
        "@sortByAssociatedKeys" => |args| match args {
            [Value::List(list), Value::List(keys)] => sort_by(list.values()?, &keys.values()?),
            _ => none(),
        },
        "first" => |args| Ok(Value::Optional(one(args)?.get(0).transpose()?.map(Into::into))),
        "last" => |args| {
            let list = one(args)?;
            Ok(Value::Optional(list.get(list.len().wrapping_sub(1)).transpose()?.map(Into::into)))
        },
        "sets.contains" => |args| two(args).map(|(list, part)| Value::Bool(all_in(part, list))),
        "sets.equivalent" => {
            |args| two(args).map(|(left, right)| Value::Bool(all_in(left, right) && all_in(right, left)))
        }
        "sets.intersects" => |args| {
            let (left, right) = two(args)?;
            Ok(Value::Bool(left.iter().any(|item| item.is_ok_and(|item| contains(right, &item)))))
        },
        _ => return None,
    })
}

fn none<T>() -> Result<T, String> {
    Err(NO_OVERLOAD.to_owned())
}

fn one<'v, 'a>(args: &'v [Value<'a>]) -> Result<&'v List<'a>, String> {
    match args {
        [Value::List(list)] => Ok(list),
        _ => none(),
    }
}

fn two<'v, 'a>(args: &'v [Value<'a>]) -> Result<(&'v List<'a>, &'v List<'a>), String> {
    match args {
        [Value::List(left), Value::List(right)] => Ok((left, right)),
        _ => none(),
    }
}

fn all_in(items: &List<'_>, list: &List<'_>) -> bool {
    items.iter().all(|item| item.is_ok_and(|item| contains(list, &item)))
}

fn is_sorted<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    let values = one(args)?.values()?;
    for pair in values.windows(2) {
        match compare(&pair[0], &pair[1]) {
            None => return none(),
            Some(Ordering::Greater) => return Ok(Value::Bool(false)),
            Some(_) => {}
        }
    }
    Ok(Value::Bool(true))
}

fn sum<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    let mut values = one(args)?.values()?.into_iter();
    let Some(mut total) = values.next() else { return Ok(Value::Int(0)) };
    if !matches!(total, Value::Int(_) | Value::Uint(_) | Value::Double(_) | Value::Duration(_)) {
        return none();
    }
    let add = crate::operators::lookup("_+_").ok_or(NO_OVERLOAD)?;
    for value in values {
        total = add(&[total, value])?;
    }
    Ok(total)
}

fn extreme<'a>(args: &[Value<'a>], name: &str, wanted: Ordering) -> Outcome<'a> {
    let mut values = one(args)?.values()?.into_iter();
    let mut best = values.next().ok_or_else(|| format!("{name} called on empty list"))?;
    if compare(&best, &best).is_none() {
        return none();
    }
    for value in values {
        match compare(&value, &best) {
            None => return none(),
            Some(order) if order == wanted => best = value,
            Some(_) => {}
        }
    }
    Ok(best)
}

fn index_of<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    let [Value::List(list), value] = args else { return crate::strings::index_of(args) };
    let place = list.iter().position(|item| item.is_ok_and(|item| equal(&item, value)));
    Ok(Value::Int(place.map_or(-1, |place| place as i64)))
}

fn last_index_of<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    let [Value::List(list), value] = args else { return crate::strings::last_index_of(args) };
    let place = list.values()?.iter().rposition(|item| equal(item, value));
    Ok(Value::Int(place.map_or(-1, |place| place as i64)))
}

fn slice<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    let [Value::List(list), Value::Int(start), Value::Int(end)] = args else { return none() };
    let length = list.len() as i64;
    if *start < 0 || *end < 0 {
        return Err(format!("cannot slice({start}, {end}), negative indexes not supported"));
    }
    if start > end {
        return Err(format!("cannot slice({start}, {end}), start index must be less than or equal to end index"));
    }
    if length < *end {
        return Err(format!("cannot slice({start}, {end}), list is length {length}"));
    }
    let taken: Result<Vec<Value<'a>>, String> = (*start..*end).filter_map(|place| list.get(place as usize)).collect();
    Ok(Value::list(taken?))
}

fn flatten<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    let (list, depth) = match args {
        [Value::List(list)] => (list, 1),
        [Value::List(list), Value::Int(depth)] => (list, *depth),
        _ => return none(),
    };
    if depth < 0 {
        return Err("level must be non-negative".to_owned());
    }
    let mut values = list.values()?;
    for _ in 0..depth {
        if !values.iter().any(|value| matches!(value, Value::List(_))) {
            break;
        }
        let mut flat = Vec::with_capacity(values.len());
        for value in values {
            match value {
                Value::List(inner) => flat.extend(inner.values()?),
                other => flat.push(other),
            }
        }
        values = flat;
    }
    Ok(Value::list(values))
}

fn range<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    let [Value::Int(size)] = args else { return none() };
    if *size < 0 {
        return Err(format!("lists.range: size must be non-negative, got {size}"));
    }
    if *size > MAX_RANGE {
        return Err(format!("lists.range: size {size} exceeds maximum allowed size {MAX_RANGE}"));
    }
    Ok(Value::list((0..*size).map(Value::Int).collect()))
}

fn distinct<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    let mut unique: Vec<Value<'a>> = Vec::new();
    for value in one(args)?.values()? {
        if !unique.iter().any(|known| equal(known, &value)) {
            unique.push(value);
        }
    }
    Ok(Value::list(unique))
}

fn sort_by<'a>(values: Vec<Value<'a>>, keys: &[Value<'a>]) -> Outcome<'a> {
    if values.len() != keys.len() {
        return Err(format!(
            "@sortByAssociatedKeys() expected a list of the same size as the associated keys list, but got {} and {} elements respectively",
            values.len(),
            keys.len()
        ));
    }
    if let Some(first) = keys.first() {
        let of = first.of_type();
        if compare(first, first).is_none() {
            return Err("list elements must be comparable".to_owned());
        }
        if keys.iter().any(|key| key.of_type() != of) {
            return Err("list elements must have the same type".to_owned());
        }
    }
    let mut order: Vec<usize> = (0..keys.len()).collect();
    order.sort_by(|left, right| compare(&keys[*left], &keys[*right]).unwrap_or(Ordering::Equal));
    Ok(Value::list(order.into_iter().map(|place| values[place].clone()).collect()))
}

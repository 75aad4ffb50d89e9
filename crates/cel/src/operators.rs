//! The operators: arithmetic that overflows into errors, order, membership.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::builtin::{Builtin, NO_OVERLOAD, Outcome};
use crate::decl::ListKind;
use crate::equal::{compare, contains, equal, map_key};
use crate::times::{between, shift};
use crate::value::{List, Map, Value};

pub(crate) fn lookup(name: &str) -> Option<Builtin> {
    Some(match name {
        "_+_" => add,
        "_-_" => subtract,
        "_*_" => multiply,
        "_/_" => divide,
        "_%_" => modulo,
        "-_" => negate,
        "!_" => |args| match args {
            [Value::Bool(value)] => Ok(Value::Bool(!value)),
            _ => none(),
        },
        "_<_" => |args| order(args, |order| order == Ordering::Less),
        "_<=_" => |args| order(args, |order| order != Ordering::Greater),
        "_>_" => |args| order(args, |order| order == Ordering::Greater),
        "_>=_" => |args| order(args, |order| order != Ordering::Less),
        "@in" => within,
        "size" => size,
        "cel.@mapInsert" => map_insert,
        _ => return None,
    })
}

fn none<'a>() -> Outcome<'a> {
    Err(NO_OVERLOAD.to_owned())
}

fn overflow(of: &str) -> String {
    format!("{of} overflow")
}

const INT: &str = "integer";
const UINT: &str = "unsigned integer";

fn add<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    Ok(match args {
        [Value::Int(a), Value::Int(b)] => Value::Int(a.checked_add(*b).ok_or_else(|| overflow(INT))?),
        [Value::Uint(a), Value::Uint(b)] => Value::Uint(a.checked_add(*b).ok_or_else(|| overflow(UINT))?),
        [Value::Double(a), Value::Double(b)] => Value::Double(a + b),
        [Value::String(a), Value::String(b)] => Value::text(format!("{}{}", &**a, &**b)),
        [Value::Bytes(a), Value::Bytes(b)] => Value::Bytes([&**a, &**b].concat().into()),
        [Value::Duration(a), Value::Duration(b)] => {
            Value::Duration(a.checked_add(*b).ok_or_else(|| overflow("duration"))?)
        }
        [Value::Timestamp(at), Value::Duration(nanos)] | [Value::Duration(nanos), Value::Timestamp(at)] => {
            Value::Timestamp(shift(*at, *nanos).ok_or_else(|| overflow("timestamp"))?)
        }
        [Value::List(a), Value::List(b)] => Value::list(join(a, b)?),
        _ => return none(),
    })
}

/// The longest list that `+` makes: it costs one unit however long it is.
const MAX_LIST: usize = 2_000_000;

/// Two lists as one; sets and lists with keys merge instead.
fn join<'a>(left: &List<'a>, right: &List<'a>) -> Result<Vec<Value<'a>>, String> {
    if left.len().saturating_add(right.len()) > MAX_LIST {
        return Err(format!("lists of more than {MAX_LIST} items are not made"));
    }
    let mut joined = left.values()?;
    match left {
        List::Json { kind: ListKind::Set, .. } => {
            for item in right.iter() {
                let item = item?;
                if !joined.iter().any(|known| equal(known, &item)) {
                    joined.push(item);
                }
            }
        }
        List::Json { kind: ListKind::Map(keys), .. } => {
            let mut places: std::collections::HashMap<String, usize> =
                joined.iter().enumerate().map(|(place, item)| (map_key(item, keys), place)).collect();
            for item in right.iter() {
                let item = item?;
                let key = map_key(&item, keys);
                match places.get(&key) {
                    Some(place) => joined[*place] = item,
                    None => {
                        places.insert(key, joined.len());
                        joined.push(item);
                    }
                }
            }
        }
        _ => joined.extend(right.values()?),
    }
    Ok(joined)
}

fn subtract<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    Ok(match args {
        [Value::Int(a), Value::Int(b)] => Value::Int(a.checked_sub(*b).ok_or_else(|| overflow(INT))?),
        [Value::Uint(a), Value::Uint(b)] => Value::Uint(a.checked_sub(*b).ok_or_else(|| overflow(UINT))?),
        [Value::Double(a), Value::Double(b)] => Value::Double(a - b),
        [Value::Duration(a), Value::Duration(b)] => {
            Value::Duration(a.checked_sub(*b).ok_or_else(|| overflow("duration"))?)
        }
        [Value::Timestamp(at), Value::Duration(nanos)] => {
            let back = nanos.checked_neg().and_then(|nanos| shift(*at, nanos));
            Value::Timestamp(back.ok_or_else(|| overflow("timestamp"))?)
        }
        [Value::Timestamp(a), Value::Timestamp(b)] => {
            Value::Duration(between(*a, *b).ok_or_else(|| overflow("duration"))?)
        }
        _ => return none(),
    })
}

fn multiply<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    Ok(match args {
        [Value::Int(a), Value::Int(b)] => Value::Int(a.checked_mul(*b).ok_or_else(|| overflow(INT))?),
        [Value::Uint(a), Value::Uint(b)] => Value::Uint(a.checked_mul(*b).ok_or_else(|| overflow(UINT))?),
        [Value::Double(a), Value::Double(b)] => Value::Double(a * b),
        _ => return none(),
    })
}

fn divide<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    Ok(match args {
        [Value::Int(_), Value::Int(0)] | [Value::Uint(_), Value::Uint(0)] => return Err("division by zero".to_owned()),
        [Value::Int(a), Value::Int(b)] => Value::Int(a.checked_div(*b).ok_or_else(|| overflow(INT))?),
        [Value::Uint(a), Value::Uint(b)] => Value::Uint(a / b),
        [Value::Double(a), Value::Double(b)] => Value::Double(a / b),
        _ => return none(),
    })
}

fn modulo<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    Ok(match args {
        [Value::Int(_), Value::Int(0)] | [Value::Uint(_), Value::Uint(0)] => return Err("modulus by zero".to_owned()),
        [Value::Int(a), Value::Int(b)] => Value::Int(a.checked_rem(*b).ok_or_else(|| overflow(INT))?),
        [Value::Uint(a), Value::Uint(b)] => Value::Uint(a % b),
        _ => return none(),
    })
}

fn negate<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    Ok(match args {
        [Value::Int(value)] => Value::Int(value.checked_neg().ok_or_else(|| overflow(INT))?),
        [Value::Double(value)] => Value::Double(-value),
        [Value::Duration(nanos)] => Value::Duration(nanos.checked_neg().ok_or_else(|| overflow("duration"))?),
        _ => return none(),
    })
}

fn order<'a>(args: &[Value<'a>], wanted: fn(Ordering) -> bool) -> Outcome<'a> {
    let [left, right] = args else { return none() };
    if let (Value::Double(a), _) | (_, Value::Double(a)) = (left, right)
        && a.is_nan()
        && left.of_type().is_number()
        && right.of_type().is_number()
    {
        return Err("NaN values cannot be ordered".to_owned());
    }
    compare(left, right).map(|order| Value::Bool(wanted(order))).ok_or_else(|| NO_OVERLOAD.to_owned())
}

fn within<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    match args {
        [value, Value::List(list)] => Ok(Value::Bool(contains(list, value))),
        [key, Value::Map(map)] => match map.find(key) {
            Some(Err(error)) => Err(error),
            found => Ok(Value::Bool(found.is_some())),
        },
        _ => none(),
    }
}

fn size<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    match args {
        [value @ (Value::String(_) | Value::Bytes(_) | Value::List(_) | Value::Map(_))] => {
            Ok(Value::Int(value.size() as i64))
        }
        _ => none(),
    }
}

/// Adds entries to a map that a fold builds.
fn map_insert<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    let Some(Value::Map(Map::Values(known))) = args.first() else { return none() };
    insert(known.clone(), &args[1..])
}

pub(crate) fn insert<'a>(
    mut map: Arc<std::collections::BTreeMap<crate::value::Key, Value<'a>>>,
    args: &[Value<'a>],
) -> Outcome<'a> {
    let entries: Vec<(Value<'a>, Value<'a>)> = match args {
        [key, value] => vec![(key.clone(), value.clone())],
        [Value::Map(more)] => {
            let mut entries = Vec::new();
            for key in more.keys() {
                if let Some(value) = more.find(&key) {
                    entries.push((key, value?));
                }
            }
            entries
        }
        _ => return none(),
    };
    for (key, value) in entries {
        let key = crate::equal::key(&key)?;
        if map.contains_key(&key) {
            return Err(format!("insert failed: key {} already exists", crate::show::plain(&key.value())));
        }
        Arc::make_mut(&mut map).insert(key, value);
    }
    Ok(Value::Map(Map::Values(map)))
}

//! Optional values.

use std::sync::Arc;

use crate::builtin::{Builtin, NO_OVERLOAD, Outcome};
use crate::value::Value;

pub(crate) fn lookup(name: &str) -> Option<Builtin> {
    Some(match name {
        "optional.of" => |args| args.first().cloned().map(Value::some).ok_or_else(|| NO_OVERLOAD.to_owned()),
        "optional.ofNonZeroValue" => |args| match args {
            [value] if value.is_zero() => Ok(Value::Optional(None)),
            [value] => Ok(Value::some(value.clone())),
            _ => Err(NO_OVERLOAD.to_owned()),
        },
        "optional.none" => |_| Ok(Value::Optional(None)),
        "hasValue" => |args| match args {
            [Value::Optional(inner)] => Ok(Value::Bool(inner.is_some())),
            _ => Err(NO_OVERLOAD.to_owned()),
        },
        "value" => |args| match args {
            [Value::Optional(Some(inner))] => Ok(Value::clone(inner)),
            [Value::Optional(None)] => Err("optional.none() dereference".to_owned()),
            _ => Err(NO_OVERLOAD.to_owned()),
        },
        "optional.unwrap" | "unwrapOpt" => unwrap,
        _ => return None,
    })
}

fn unwrap<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    let [Value::List(list)] = args else { return Err(NO_OVERLOAD.to_owned()) };
    let mut unwrapped = Vec::new();
    for item in list.iter() {
        match item? {
            Value::Optional(Some(inner)) => unwrapped.push(Arc::unwrap_or_clone(inner)),
            Value::Optional(None) => {}
            other => return Err(format!("value {} is not optional", crate::show::plain(&other))),
        }
    }
    Ok(Value::list(unwrapped))
}

//! Functions by name. Each takes its target first and says `NO_OVERLOAD` for arguments it is not made for.

use crate::types::Type;
use crate::value::Value;

pub(crate) type Outcome<'a> = Result<Value<'a>, String>;
pub(crate) type Builtin = for<'a> fn(&[Value<'a>]) -> Outcome<'a>;

/// What a function answers to arguments of types it does not know; `describe` makes the message.
pub(crate) const NO_OVERLOAD: &str = "?";
/// The message where upstream says no more.
pub(crate) const PLAIN_NO_OVERLOAD: &str = "no such overload";

pub(crate) fn lookup(name: &str) -> Option<Builtin> {
    crate::operators::lookup(name)
        .or_else(|| crate::convert::lookup(name))
        .or_else(|| crate::strings::lookup(name))
        .or_else(|| crate::times::lookup(name))
        .or_else(|| crate::lists::lookup(name))
        .or_else(|| crate::optional::lookup(name))
        .or_else(|| crate::regexes::lookup(name))
        .or_else(|| crate::urls::lookup(name))
        .or_else(|| crate::quantity::lookup(name))
        .or_else(|| crate::network::lookup(name))
        .or_else(|| crate::semver::lookup(name))
        .or_else(|| crate::formats::lookup(name))
        .or_else(|| crate::authorizer::lookup(name))
}

/// The message for arguments that no overload takes, as upstream words it for that function.
pub(crate) fn describe(function: &str, args: &[Value<'_>]) -> String {
    let types: Vec<String> = args.iter().map(|arg| arg.of_type().name().to_owned()).collect();
    let first = args.first().map(Value::of_type);
    let plain = match function {
        "_+_" => first.is_some_and(|of| adds(&of)),
        "_-_" => first.is_some_and(|of| of.is_number() || matches!(of, Type::Duration | Type::Timestamp)),
        "_*_" | "_/_" | "-_" => first.is_some_and(|of| of.is_number()),
        "_%_" => first.is_some_and(|of| matches!(of, Type::Int | Type::Uint)),
        "_<_" | "_<=_" | "_>_" | "_>=_" => first.is_some_and(|of| orders(&of)),
        "size" => first.is_some_and(|of| matches!(of, Type::Duration | Type::Timestamp)),
        "!_" | "@in" | "contains" | "startsWith" | "endsWith" | "matches" => true,
        _ => return format!("{PLAIN_NO_OVERLOAD}: {function}({})", types.join(", ")),
    };
    if plain { PLAIN_NO_OVERLOAD.to_owned() } else { format!("{PLAIN_NO_OVERLOAD}: {function}") }
}

fn adds(of: &Type) -> bool {
    of.is_number() || matches!(of, Type::String | Type::Bytes | Type::List(_) | Type::Duration | Type::Timestamp)
}

fn orders(of: &Type) -> bool {
    of.is_number() || matches!(of, Type::Bool | Type::String | Type::Bytes | Type::Duration | Type::Timestamp)
}

impl Type {
    pub(crate) fn is_number(&self) -> bool {
        matches!(self, Type::Int | Type::Uint | Type::Double)
    }
}

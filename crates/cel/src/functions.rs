//! The functions expressions may call, from the table that `cargo xtask codegen` writes.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::types::Type;

#[derive(Debug)]
pub(crate) struct Overload {
    pub id: &'static str,
    pub member: bool,
    pub args: Vec<Type>,
    pub result: Type,
    /// The names of the parameters in the signature.
    pub params: Vec<String>,
    first: u32,
    last: u32,
}

impl Overload {
    /// Whether Kubernetes 1.`minor` knows it.
    pub(crate) fn known(&self, minor: u32) -> bool {
        (self.first..=self.last).contains(&minor)
    }
}

static TABLE: LazyLock<HashMap<&'static str, Vec<Overload>>> = LazyLock::new(|| {
    let mut table: HashMap<&'static str, Vec<Overload>> = HashMap::new();
    for line in include_str!("../data/functions.tsv").lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<&'static str> = line.split('\t').collect();
        let [name, id, style, args, result, first, last] = columns[..] else { continue };
        let args: Vec<Type> = args.split(' ').filter(|text| !text.is_empty()).map(Type::parse).collect();
        let result = Type::parse(result);
        let mut params = Vec::new();
        args.iter().chain([&result]).for_each(|of| collect_params(of, &mut params));
        let (first, last) = (first.parse().unwrap_or(0), last.parse().unwrap_or(u32::MAX));
        table.entry(name).or_default().push(Overload { id, member: style == "m", args, result, params, first, last });
    }
    table
});

fn collect_params(of: &Type, params: &mut Vec<String>) {
    match of {
        Type::Param(name) if !params.iter().any(|known| **known == **name) => params.push(name.to_string()),
        Type::List(inner) | Type::Type(Some(inner)) => collect_params(inner, params),
        Type::Map(keys, values) => {
            collect_params(keys, params);
            collect_params(values, params);
        }
        Type::Opaque(_, inner) => inner.iter().for_each(|of| collect_params(of, params)),
        _ => {}
    }
}

/// The overloads in the order in which they are tried; none when the version has none.
pub(crate) fn overloads(name: &str, minor: u32) -> Option<Vec<&'static Overload>> {
    let known: Vec<&Overload> = TABLE.get(name)?.iter().filter(|overload| overload.known(minor)).collect();
    (!known.is_empty()).then_some(known)
}

#[cfg(test)]
mod tests {
    use super::TABLE;

    /// Every function of the table runs, but for the operators that the plan makes steps of and the names that nobody can write.
    #[test]
    fn every_function_is_there() {
        let steps =
            ["@not_strictly_false", "_!=_", "_&&_", "_==_", "_?._", "_?_:_", "_[?_]", "_[_]", "_||_", "or", "orValue"];
        let unwritten = ["__not_strictly_false__", "_in_", "in"];
        for name in TABLE.keys().filter(|name| !steps.contains(name) && !unwritten.contains(name)) {
            assert!(crate::builtin::lookup(name).is_some(), "{name}");
        }
    }
}

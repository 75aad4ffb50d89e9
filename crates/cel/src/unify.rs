//! Which type fits where, and what the unknown types of an expression turn out to be.

use std::collections::HashMap;
use std::sync::Arc;

use crate::types::Type;

/// What is known of type parameters so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mapping {
    known: HashMap<Arc<str>, Type>,
    /// What the try under way has changed, and what was there before.
    changes: Vec<(Arc<str>, Option<Type>)>,
}

impl Mapping {
    fn find(&self, of: &Type) -> Option<&Type> {
        match of {
            Type::Param(name) => self.known.get(name),
            _ => None,
        }
    }

    fn add(&mut self, param: &Type, to: Type) {
        if let Type::Param(name) = param {
            let before = self.known.insert(name.clone(), to);
            self.changes.push((name.clone(), before));
        }
    }

    /// Whether each of `from` fits into the type of the same place in `to`. What is learnt of parameters is kept only if all fit.
    pub(crate) fn assign_all(&mut self, from: &[Type], to: &[Type]) -> bool {
        let fits = self.fit_all(from, to);
        // The newest change goes back first. A copy of all that is known, for each try, would take time of the square of an expression's size.
        for (name, before) in self.changes.drain(..).rev().filter(|_| !fits) {
            match before {
                Some(before) => drop(self.known.insert(name, before)),
                None => drop(self.known.remove(&name)),
            }
        }
        fits
    }

    pub(crate) fn assign(&mut self, from: &Type, to: &Type) -> bool {
        self.assign_all(std::slice::from_ref(from), std::slice::from_ref(to))
    }

    fn fit_all(&mut self, from: &[Type], to: &[Type]) -> bool {
        from.len() == to.len() && from.iter().zip(to).all(|(from, to)| self.fit(from, to))
    }

    fn fit(&mut self, from: &Type, to: &Type) -> bool {
        if matches!(to, Type::Param(_)) {
            match self.substitution(from, to) {
                Fit::Yes => return true,
                Fit::Otherwise => return false,
                Fit::No => {}
            }
        }
        if matches!(from, Type::Param(_)) {
            return matches!(self.substitution(to, from), Fit::Yes);
        }
        if from.is_dyn_or_error() || to.is_dyn_or_error() {
            return true;
        }
        match (from, to) {
            (Type::Null, other) | (other, Type::Null) => nullable(other),
            (Type::List(from), Type::List(to)) => self.fit(from, to),
            (Type::Map(from_key, from_value), Type::Map(to_key, to_value)) => {
                self.fit(from_key, to_key) && self.fit(from_value, to_value)
            }
            (Type::Opaque(from, from_params), Type::Opaque(to, to_params)) => {
                from == to && self.fit_all(from_params, to_params)
            }
            (Type::Type(_), Type::Type(_)) => true,
            _ => from == to,
        }
    }

    /// Whether `param` can stand for `of`.
    fn substitution(&mut self, of: &Type, param: &Type) -> Fit {
        if of == param {
            return Fit::Yes;
        }
        if let Some(known) = self.find(param).cloned() {
            if *of == known {
                return Fit::Yes;
            }
            if self.fit(of, &known) {
                let general = most_general(of, &known);
                if self.free_of(param, &general) {
                    self.add(param, general);
                }
                return Fit::Yes;
            }
            return Fit::Otherwise;
        }
        if self.free_of(param, of) {
            self.add(param, of.clone());
            return Fit::Yes;
        }
        Fit::No
    }

    /// Whether a parameter does not occur in a type.
    fn free_of(&self, param: &Type, within: &Type) -> bool {
        if param == within {
            return false;
        }
        match within {
            Type::Param(_) => self.find(within).is_none_or(|known| self.free_of(param, known)),
            Type::List(inner) | Type::Type(Some(inner)) => self.free_of(param, inner),
            Type::Map(keys, values) => self.free_of(param, keys) && self.free_of(param, values),
            Type::Opaque(_, params) => params.iter().all(|inner| self.free_of(param, inner)),
            _ => true,
        }
    }

    /// The type with what is known put in; what is not known becomes dyn when `settle`.
    pub(crate) fn substitute(&self, of: &Type, settle: bool) -> Type {
        if let Some(known) = self.find(of) {
            return self.substitute(known, settle);
        }
        match of {
            Type::Param(_) if settle => Type::Dyn,
            Type::List(items) => Type::list(self.substitute(items, settle)),
            Type::Map(keys, values) => Type::map(self.substitute(keys, settle), self.substitute(values, settle)),
            Type::Opaque(name, params) => {
                Type::Opaque(name.clone(), params.iter().map(|param| self.substitute(param, settle)).collect())
            }
            Type::Type(Some(inner)) => Type::Type(Some(Arc::new(self.substitute(inner, settle)))),
            other => other.clone(),
        }
    }
}

enum Fit {
    Yes,
    /// It stands for something else already.
    Otherwise,
    No,
}

fn nullable(of: &Type) -> bool {
    matches!(of, Type::Null | Type::Opaque(..) | Type::Object(_) | Type::Duration | Type::Timestamp)
}

/// The more general of two types that fit together.
pub(crate) fn most_general(first: &Type, second: &Type) -> Type {
    if less_specific(first, second) { first.clone() } else { second.clone() }
}

fn less_specific(first: &Type, second: &Type) -> bool {
    if first.is_dyn() || matches!(first, Type::Param(_)) {
        return true;
    }
    if second.is_dyn() || matches!(second, Type::Param(_)) {
        return false;
    }
    match (first, second) {
        (Type::Opaque(name, params), Type::Opaque(other, others)) => {
            name == other
                && params.len() == others.len()
                && params.iter().zip(others).all(|(first, second)| less_specific(first, second))
        }
        (Type::List(first), Type::List(second)) => less_specific(first, second),
        (Type::Map(first_key, first_value), Type::Map(second_key, second_value)) => {
            less_specific(first_key, second_key) && less_specific(first_value, second_value)
        }
        (Type::Type(_), Type::Type(_)) => true,
        _ => first == second,
    }
}

/// The type with the parameters of a signature replaced by fresh ones.
pub(crate) fn instantiate(of: &Type, fresh: &HashMap<&str, Type>) -> Type {
    match of {
        Type::Param(name) => fresh.get(&**name).cloned().unwrap_or(Type::Dyn),
        Type::List(items) => Type::list(instantiate(items, fresh)),
        Type::Map(keys, values) => Type::map(instantiate(keys, fresh), instantiate(values, fresh)),
        Type::Opaque(name, params) => {
            Type::Opaque(name.clone(), params.iter().map(|param| instantiate(param, fresh)).collect())
        }
        Type::Type(Some(inner)) => Type::Type(Some(Arc::new(instantiate(inner, fresh)))),
        other => other.clone(),
    }
}

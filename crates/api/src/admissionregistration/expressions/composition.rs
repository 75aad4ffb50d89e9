//! Variables: named expressions that later ones may use, worked out when they are first asked for, at most once for one run.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use cel::{Bindings, CompileError, Env, Fields, Map, Program, Type, Value, compile, limits};
use serde_json::Value as Json;

use super::environment::{Names, variables_decl};
use crate::tree::text;

/// The variables of a policy, in their order.
pub struct Composition {
    variables: Vec<Variable>,
    /// Whether `variables` can be named at all.
    named: bool,
}

struct Variable {
    name: String,
    program: Result<Program, String>,
}

impl Composition {
    /// No variables, and no name for them: where webhooks and conditions are written.
    pub const NONE: Composition = Composition { variables: Vec::new(), named: false };

    /// The most variables of one policy that are taken: each may use all before it, which takes stack when they run.
    pub const MOST: usize = 128;

    /// As yet empty.
    pub fn new() -> Self {
        Self { variables: Vec::new(), named: true }
    }

    /// The variables of a stored policy; those that do not compile fail when they are asked for.
    pub(super) fn of(variables: &[Json], names: Names) -> Self {
        let mut composition = Self::new();
        for variable in variables.iter().take(Self::MOST) {
            composition.add(text(variable, "name"), text(variable, "expression"), names).unwrap_or_default();
        }
        composition
    }

    /// Compiles the next variable and keeps it, whatever comes of it.
    pub fn add(&mut self, name: &str, source: &str, names: Names) -> Result<(), CompileError> {
        self.add_in(name, source, names.env())
    }

    /// As [`Composition::add`], where more is known of what the variable may name.
    pub(super) fn add_in(&mut self, name: &str, source: &str, env: Env) -> Result<(), CompileError> {
        let compiled = compile(source, &self.env(env), &[]);
        let error = compiled.as_ref().err().cloned();
        self.variables.push(Variable { name: name.to_owned(), program: compiled.map_err(|error| error.to_string()) });
        error.map_or(Ok(()), Err)
    }

    /// Compiles an expression that may use the variables so far. `wanted`: the types it may have; none allows all.
    pub fn compile(&self, source: &str, names: Names, wanted: &[Type]) -> Result<Program, CompileError> {
        compile(source, &self.env(names.env()), wanted)
    }

    pub(super) fn env(&self, env: Env) -> Env {
        if !self.named {
            return env;
        }
        let types = self
            .variables
            .iter()
            .map(|variable| (variable.name.as_str(), variable.program.as_ref().ok().map(Program::result_type)));
        env.with("variables", variables_decl(types))
    }

    /// Runs `each` with the variables bound on top of `base`; what they cost adds up in the second argument.
    pub(super) fn bound(&self, base: &Bindings<'_>, each: &mut dyn FnMut(&Bindings<'_>, &AtomicU64)) {
        let spent = AtomicU64::new(0);
        if !self.named {
            return each(base, &spent);
        }
        layer(&self.variables, base, &Bottom, &spent, each);
    }
}

impl Default for Composition {
    fn default() -> Self {
        Self::new()
    }
}

/// Below the first variable.
struct Bottom;

impl Fields for Bottom {
    fn get(&self, _: &str) -> Option<Result<Value<'_>, String>> {
        None
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

/// One variable, over those that it may use.
struct Layer<'l> {
    variable: &'l Variable,
    bindings: &'l Bindings<'l>,
    below: &'l (dyn Fields + 'l),
    value: OnceLock<Result<Value<'l>, String>>,
    spent: &'l AtomicU64,
}

fn layer(
    rest: &[Variable],
    base: &Bindings<'_>,
    below: &dyn Fields,
    spent: &AtomicU64,
    each: &mut dyn FnMut(&Bindings<'_>, &AtomicU64),
) {
    let bindings = base.clone().value("variables", Value::Map(Map::Lazy(below)));
    match rest.split_first() {
        None => each(&bindings, spent),
        Some((variable, rest)) => {
            let next = Layer { variable, bindings: &bindings, below, value: OnceLock::new(), spent };
            layer(rest, base, &next, spent, each);
        }
    }
}

impl<'l> Layer<'l> {
    fn work_out(&self) -> Result<Value<'l>, String> {
        let name = &self.variable.name;
        let program = self.variable.program.as_ref();
        let program = program.map_err(|error| format!("composited variable {name:?} fails to compile: {error}"))?;
        let outcome = program.evaluate(self.bindings, limits::PER_CALL);
        self.spent.fetch_add(outcome.cost, Ordering::Relaxed);
        outcome.result.map_err(|error| format!("composited variable {name:?} fails to evaluate: {error}"))
    }
}

impl Fields for Layer<'_> {
    fn get(&self, name: &str) -> Option<Result<Value<'_>, String>> {
        if name != self.variable.name {
            return self.below.get(name);
        }
        Some(self.value.get_or_init(|| self.work_out()).clone())
    }

    fn names(&self) -> Vec<String> {
        let mut names = self.below.names();
        names.retain(|name| *name != self.variable.name);
        names.push(self.variable.name.clone());
        names
    }
}

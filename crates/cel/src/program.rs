//! Compiling expressions, and running them.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value as Json;
use thiserror::Error;

use crate::ast::Ast;
use crate::checker::{Checked, check};
use crate::decl::Decl;
use crate::env::Env;
use crate::estimate::{CostEstimate, Estimator};
use crate::eval::{EvalError, Machine};
use crate::issue::Issues;
use crate::parser::parse;
use crate::plan::{Node, plan};
use crate::types::Type;
use crate::value::Value;

/// Why an expression was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CompileError {
    /// It does not parse, or has no type.
    #[error("compilation failed: {0}")]
    Issues(Issues),
    /// It is well typed but of another type than is wanted there.
    #[error("must evaluate to {wanted} but got {found}")]
    Result { wanted: String, found: String },
    /// A constant in it cannot be worked out.
    #[error("program instantiation failed: {0}")]
    Program(String),
}

/// A compiled expression.
pub struct Program {
    env: Env,
    ast: Ast,
    checked: Checked,
    node: Node,
}

/// Compiles an expression. `wanted`: the types it may have, exactly; none allows all. What is dyn is no bool.
pub fn compile(source: &str, env: &Env, wanted: &[Type]) -> Result<Program, CompileError> {
    let mut ast = parse(source, env.minor).map_err(CompileError::Issues)?;
    let checked = check(&mut ast, env).map_err(CompileError::Issues)?;
    let found = &checked.types[ast.root.id];
    if !wanted.is_empty() && !wanted.contains(found) {
        let names: Vec<String> = wanted.iter().map(Type::declared).collect();
        let wanted = if names.len() == 1 { names.concat() } else { format!("one of [{}]", names.join(" ")) };
        return Err(CompileError::Result { wanted, found: found.declared() });
    }
    let node = plan(&ast, &checked).map_err(CompileError::Program)?;
    Ok(Program { env: env.clone(), ast, checked, node })
}

/// What the variables hold, for one evaluation.
#[derive(Clone, Default)]
pub struct Bindings<'a> {
    values: HashMap<&'a str, Bound<'a>>,
}

#[derive(Clone)]
enum Bound<'a> {
    Json(&'a Json),
    Value(Value<'a>),
}

impl<'a> Bindings<'a> {
    /// JSON, seen as the variable is declared.
    #[must_use]
    pub fn json(mut self, name: &'a str, json: &'a Json) -> Bindings<'a> {
        self.values.insert(name, Bound::Json(json));
        self
    }

    /// A value as it is, whatever the declaration says: `any(json)` for what upstream binds without a schema, such as `request`.
    #[must_use]
    pub fn value(mut self, name: &'a str, value: Value<'a>) -> Bindings<'a> {
        self.values.insert(name, Bound::Value(value));
        self
    }
}

/// The outcome of one run; the cost counts whatever the outcome.
#[derive(Debug)]
pub struct Evaluation<'a> {
    pub result: Result<Value<'a>, EvalError>,
    pub cost: u64,
}

impl Program {
    /// The type of the expression.
    pub fn result_type(&self) -> &Type {
        &self.checked.types[self.ast.root.id]
    }

    /// Whether the expression names a variable.
    pub fn uses(&self, variable: &str) -> bool {
        self.checked.variables.iter().any(|known| known == variable)
    }

    pub fn source(&self) -> &str {
        &self.ast.source
    }

    /// The least and the most that a run may cost, by what is declared of the data.
    pub fn estimate(&self) -> CostEstimate {
        Estimator::new(&self.env, &self.checked).estimate(&self.ast.root)
    }

    /// Runs the expression, until it has a value, fails, or costs more than `budget`.
    pub fn evaluate<'a>(&'a self, bindings: &'a Bindings<'a>, budget: u64) -> Evaluation<'a> {
        let variables = |name: &str| -> Option<Result<Value<'a>, String>> {
            match bindings.values.get(name)? {
                Bound::Value(value) => Some(Ok(value.clone())),
                Bound::Json(json) => self.env.variable(name).map(|decl: &'a Arc<Decl>| crate::bind::view(json, decl)),
            }
        };
        let mut machine = Machine::new(&variables, budget);
        let result = machine.run(&self.node);
        Evaluation { result, cost: machine.cost }
    }
}

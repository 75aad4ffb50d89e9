//! One expression after the other over the same request, out of one budget.

use std::sync::atomic::{AtomicU64, Ordering};

use cel::{Bindings, CompileError, Program, Type, Value, limits};

use super::composition::Composition;
use super::environment::Names;

/// An expression of a stored object; one that does not compile fails when it is run.
pub(super) struct Expression {
    source: String,
    program: Result<Program, CompileError>,
}

/// The budget does not reach: nothing more is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("validation failed due to running out of cost budget, no further validation rules will be run")]
pub(super) struct OutOfBudget;

impl Expression {
    pub fn new(source: &str, composition: &Composition, names: Names, wanted: &[Type]) -> Self {
        Self { source: source.to_owned(), program: composition.compile(source, names, wanted) }
    }

    pub fn source(&self) -> &str {
        &self.source
    }

    /// Why it does not compile.
    pub fn error(&self) -> Option<String> {
        self.program.as_ref().err().map(CompileError::to_string)
    }

    /// The value, or what is wrong; the cost of the expression and of the variables it asked for leaves the budget.
    pub fn run<'a>(
        &'a self,
        bindings: &'a Bindings<'a>,
        variables: &AtomicU64,
        budget: &mut u64,
    ) -> Result<Result<Value<'a>, String>, OutOfBudget> {
        let program = match &self.program {
            Ok(program) => program,
            Err(error) => return Ok(Err(format!("compilation error: {error}"))),
        };
        let outcome = program.evaluate(bindings, limits::PER_CALL);
        let cost = outcome.cost.saturating_add(variables.swap(0, Ordering::Relaxed));
        *budget = budget.checked_sub(cost).ok_or(OutOfBudget)?;
        Ok(outcome.result.map_err(|error| format!("expression '{}' resulted in error: {error}", self.source)))
    }
}

/// Several errors as upstream prints them: each once, in brackets when there is more than one.
pub(super) fn aggregated(errors: &[String]) -> String {
    let mut distinct: Vec<&str> = Vec::new();
    for error in errors {
        if !distinct.contains(&error.as_str()) {
            distinct.push(error);
        }
    }
    match distinct[..] {
        [one] => one.to_owned(),
        _ => format!("[{}]", distinct.join(", ")),
    }
}

//! Match conditions: whether a webhook or a policy is asked at all (apiserver's pkg/admission/plugin/webhook/matchconditions).

use cel::{Type, limits};
use serde_json::Value;

use super::composition::Composition;
use super::environment::{Inputs, Names};
use super::evaluation::{Expression, aggregated};
use crate::tree::text;

/// The conditions of one webhook or policy.
pub struct Conditions {
    expressions: Vec<Expression>,
    /// failurePolicy Ignore.
    fails_open: bool,
}

/// What they say of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    Matches,
    Skipped,
    /// They cannot be worked out, and nobody said to ignore that.
    Failed(String),
}

impl Conditions {
    /// Those of a webhook.
    pub fn of_webhook(conditions: &[Value], fails_open: bool) -> Self {
        let names = Names { authorizer: true, ..Names::default() };
        Self::new(conditions, &Composition::NONE, names, fails_open)
    }

    pub(super) fn new(conditions: &[Value], composition: &Composition, names: Names, fails_open: bool) -> Self {
        let expression = |condition| Expression::new(text(condition, "expression"), composition, names, &[Type::Bool]);
        Self { expressions: conditions.iter().map(expression).collect(), fails_open }
    }

    pub fn is_empty(&self) -> bool {
        self.expressions.is_empty()
    }

    /// A condition that is false skips, whatever else fails.
    pub fn of(&self, inputs: &Inputs<'_>) -> Match {
        self.within(&Composition::NONE, inputs)
    }

    pub(super) fn within(&self, composition: &Composition, inputs: &Inputs<'_>) -> Match {
        let mut found = Match::Matches;
        if self.is_empty() {
            return found;
        }
        composition.bound(&inputs.without_namespace(), &mut |bindings, spent| {
            let (mut errors, mut skipped) = (Vec::new(), false);
            let mut budget = limits::MATCH_CONDITIONS_BUDGET;
            for expression in &self.expressions {
                match expression.run(bindings, spent, &mut budget) {
                    Ok(Ok(value)) => skipped |= value.as_bool() == Some(false),
                    Ok(Err(error)) => errors.push(error),
                    Err(over) => {
                        (errors, skipped) = (vec![over.to_string()], false);
                        break;
                    }
                }
            }
            found = match errors[..] {
                _ if skipped => Match::Skipped,
                [] => Match::Matches,
                _ if self.fails_open => Match::Skipped,
                _ => Match::Failed(aggregated(&errors)),
            };
        });
        found
    }
}

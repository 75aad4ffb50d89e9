//! A ValidatingAdmissionPolicy, compiled: its conditions, validations with their messages, and audit annotations (apiserver's
//! pkg/admission/plugin/policy/validating/validator.go).

use std::sync::atomic::AtomicU64;

use cel::{Bindings, Type, Value as CelValue, limits};
use serde_json::Value;

use super::composition::Composition;
use super::conditions::{Conditions, Match};
use super::environment::{Inputs, Names};
use super::evaluation::{Expression, OutOfBudget};
use crate::tree::{at, items, text};

/// The longest message that an expression may make.
const MESSAGE_BYTES_MAX: usize = 5 * 1024;

/// The expressions of one policy.
pub struct Validations {
    composition: Composition,
    conditions: Conditions,
    validations: Vec<Validation>,
    annotations: Vec<(String, Expression)>,
    fails_open: bool,
}

struct Validation {
    expression: Expression,
    message: String,
    message_expression: Option<Expression>,
    reason: String,
}

/// What one validation says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    Admit,
    /// An empty reason is Invalid.
    Deny {
        message: String,
        reason: String,
    },
}

/// What becomes of one audit annotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Annotation {
    Publish {
        key: String,
        value: String,
    },
    Exclude,
    /// Denies the request.
    Error(String),
}

/// What a policy says of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// In the order of the validations.
    pub decisions: Vec<Decision>,
    pub annotations: Vec<Annotation>,
}

impl Validations {
    pub fn new(policy: &Value) -> Self {
        let names = Names { params: at(policy, "spec.paramKind").is_object(), authorizer: true, patches: false };
        let composition = Composition::of(items(policy, "spec.variables"), names);
        let fails_open = text(policy, "spec.failurePolicy") == "Ignore";
        let conditions = Conditions::new(items(policy, "spec.matchConditions"), &composition, names, fails_open);
        let validation = |given| Validation::new(given, &composition, names);
        let validations = items(policy, "spec.validations").iter().map(validation).collect();
        let annotation = |given| {
            let expression =
                Expression::new(text(given, "valueExpression"), &composition, names, &[Type::String, Type::Null]);
            (text(given, "key").to_owned(), expression)
        };
        let annotations = items(policy, "spec.auditAnnotations").iter().map(annotation).collect();
        Self { composition, conditions, validations, annotations, fails_open }
    }

    pub fn validate(&self, inputs: &Inputs<'_>) -> Verdict {
        match self.conditions.within(&self.composition, inputs) {
            Match::Matches => {}
            Match::Skipped => return Verdict::default(),
            Match::Failed(why) => return self.failed(why),
        }
        let mut budget = limits::RUNTIME_BUDGET;
        let mut outcomes = Ok(Vec::new());
        self.composition.bound(&inputs.bindings(), &mut |bindings, spent| {
            let run = |validation: &Validation| validation.passes(bindings, spent, &mut budget);
            outcomes = self.validations.iter().map(run).collect();
        });
        let outcomes: Vec<Result<bool, String>> = match outcomes {
            Ok(outcomes) => outcomes,
            Err(over) => return self.failed(OutOfBudget::to_string(&over)),
        };
        let messages = self.messages(inputs, &mut budget);
        let decided = |(at, outcome)| match messages.as_ref().map(|messages| messages.get(at).cloned().flatten()) {
            Ok(message) => self.decide(at, outcome, Ok(message)),
            Err(over) => self.decide(at, outcome, Err(*over)),
        };
        let decisions = outcomes.into_iter().enumerate().map(decided).collect();
        match self.annotate(inputs) {
            Ok(annotations) => Verdict { decisions, annotations },
            Err(over) => self.failed(over.to_string()),
        }
    }

    fn failed(&self, message: String) -> Verdict {
        Verdict { decisions: vec![self.denied(message)], annotations: Vec::new() }
    }

    /// What an error means.
    fn denied(&self, message: String) -> Decision {
        if self.fails_open { Decision::Admit } else { Decision::Deny { message, reason: String::new() } }
    }

    fn decide(
        &self,
        at: usize,
        outcome: Result<bool, String>,
        message: Result<Option<String>, OutOfBudget>,
    ) -> Decision {
        match (outcome, message) {
            (Err(why), _) => self.denied(why),
            (Ok(_), Err(over)) => self.denied(format!("failed messageExpression: {over}")),
            (Ok(true), Ok(_)) => Decision::Admit,
            (Ok(false), Ok(made)) => {
                let validation = &self.validations[at];
                let message = made.or_else(|| said(&validation.message));
                let message =
                    message.unwrap_or_else(|| format!("failed expression: {}", validation.expression.source().trim()));
                Decision::Deny { message, reason: validation.reason.clone() }
            }
        }
    }

    /// What the messages' expressions make, of validations that pass, too: they count against the budget.
    fn messages(&self, inputs: &Inputs<'_>, budget: &mut u64) -> Result<Vec<Option<String>>, OutOfBudget> {
        let mut messages = Ok(Vec::new());
        if self.validations.iter().all(|validation| validation.message_expression.is_none()) {
            return messages;
        }
        self.composition.bound(&inputs.without_authorizer(), &mut |bindings, spent| {
            let run = |validation: &Validation| {
                let Some(expression) = &validation.message_expression else { return Ok(None) };
                let made = expression.run(bindings, spent, budget)?;
                let made = made.ok().and_then(|value| value.as_str().and_then(said));
                Ok(made.filter(|text| text.len() <= MESSAGE_BYTES_MAX && !text.contains('\n')))
            };
            messages = self.validations.iter().map(run).collect();
        });
        messages
    }

    fn annotate(&self, inputs: &Inputs<'_>) -> Result<Vec<Annotation>, OutOfBudget> {
        let mut annotations = Ok(Vec::new());
        if self.annotations.is_empty() {
            return annotations;
        }
        let mut budget = limits::RUNTIME_BUDGET;
        self.composition.bound(&inputs.without_authorizer(), &mut |bindings, spent| {
            let run = |(key, expression): &(String, Expression)| {
                Ok(match expression.run(bindings, spent, &mut budget)? {
                    Ok(CelValue::String(text)) => match said(&text) {
                        Some(value) => Annotation::Publish { key: key.clone(), value },
                        None => Annotation::Exclude,
                    },
                    Ok(_) => Annotation::Exclude,
                    Err(_) if self.fails_open => Annotation::Exclude,
                    Err(why) => Annotation::Error(why),
                })
            };
            annotations = self.annotations.iter().map(run).collect();
        });
        annotations
    }
}

/// A text that says something, without the space around it.
fn said(text: &str) -> Option<String> {
    Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)
}

impl Validation {
    fn new(given: &Value, composition: &Composition, names: Names) -> Self {
        let message_names = Names { authorizer: false, ..names };
        let message_expression = Some(text(given, "messageExpression")).filter(|source| !source.is_empty());
        Self {
            expression: Expression::new(text(given, "expression"), composition, names, &[Type::Bool]),
            message: text(given, "message").to_owned(),
            message_expression: message_expression
                .map(|source| Expression::new(source, composition, message_names, &[Type::String])),
            reason: text(given, "reason").to_owned(),
        }
    }

    fn passes<'a>(
        &'a self,
        bindings: &'a Bindings<'a>,
        spent: &AtomicU64,
        budget: &mut u64,
    ) -> Result<Result<bool, String>, OutOfBudget> {
        Ok(self.expression.run(bindings, spent, budget)?.map(|value| value.as_bool() == Some(true)))
    }
}

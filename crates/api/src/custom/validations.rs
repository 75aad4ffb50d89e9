//! CEL rules of a definition's schema (`x-kubernetes-validations`): compiled when the schema is read, run over what is written. A rule that fails
//! of something unchanged is let be, unless it compares with the old value (KEP-4008); upstream warns of it, which is left out here.

use std::fmt;

use cel::{Bindings, Decl, Env, EvalError, NEWEST, Program, Type, compile, decl_of_schema, limits};
use serde_json::Value;

use super::correlation::{Correlation, Formers};
use super::field_path::field_path;
use super::{Structural, ValueType};
use crate::bounded::Bounded;
use crate::field_error::FieldError;
use crate::path::Path;
use crate::tree::text;

/// What a message expression may say at most, in bytes.
const MAX_MESSAGE: usize = 5 * 1024;

/// The rules of one schema.
pub struct Validations {
    rules: Vec<Validation>,
}

struct Validation {
    rule: String,
    message: String,
    reason: String,
    /// As upstream writes it; empty: the value itself.
    field_path: String,
    optional_old: bool,
    program: Result<Program, String>,
    message_program: Option<Program>,
}

impl fmt::Debug for Validations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.rules.iter().map(|rule| &rule.rule)).finish()
    }
}

/// What expressions may name at a schema; `optional`: an old value need not be there.
pub(crate) fn environment(props: &Value, root: bool, optional: bool) -> Option<(Env, std::sync::Arc<Decl>)> {
    let decl = std::sync::Arc::new(decl_of_schema(props, root, "selfType")?);
    let old = if optional { std::sync::Arc::new(Decl::optional(decl.clone())) } else { decl.clone() };
    let env = Env::new(NEWEST).with("self", decl.clone()).with("oldSelf", old).with_sizes_of(decl.clone());
    Some((env, decl))
}

impl Validations {
    /// `None`: the schema has no rules.
    pub(super) fn parse(props: &Value, root: bool) -> Option<Self> {
        let rules = props["x-kubernetes-validations"].as_array().filter(|rules| !rules.is_empty())?;
        Some(Self { rules: rules.iter().map(|rule| Validation::parse(props, rule, root)).collect() })
    }
}

impl Validation {
    fn parse(props: &Value, given: &Value, root: bool) -> Self {
        let optional_old = given["optionalOldSelf"] == true;
        let env = environment(props, root, optional_old).map(|(env, _)| env);
        let compiled = |source: &str, wanted: Type| match &env {
            Some(env) => compile(source, env, &[wanted]).map_err(|error| error.to_string()),
            None => Err("no declaration of this schema".to_owned()),
        };
        let expression = text(given, "messageExpression");
        Self {
            rule: text(given, "rule").trim().to_owned(),
            message: text(given, "message").trim().to_owned(),
            reason: text(given, "reason").to_owned(),
            field_path: field_path(text(given, "fieldPath"), props).unwrap_or_default(),
            optional_old,
            program: compiled(text(given, "rule"), Type::Bool),
            message_program: Some(expression)
                .filter(|text| !text.is_empty())
                .and_then(|text| compiled(text, Type::String).ok()),
        }
    }

    /// What a rule is called when it cannot be evaluated.
    fn named(&self) -> &str {
        if self.message.is_empty() { &self.rule } else { &self.message }
    }

    fn default_message(&self) -> String {
        if self.message.is_empty() { format!("failed rule: {}", self.rule) } else { self.message.clone() }
    }

    /// Where a failure is told.
    fn place(&self, at: &At) -> String {
        match (self.field_path.as_str(), at.path) {
            ("", path) => shown_path(path),
            (below, Path::Root) => below.to_owned(),
            (below, path) => format!("{path}.{below}"),
        }
    }

    /// Upstream shows scalars only.
    fn error(&self, at: &At, detail: &str) -> FieldError {
        let field = self.place(at);
        let value = Some(at.value).filter(|_| !matches!(at.schema.value_type, ValueType::Object | ValueType::Array));
        let bare = |error: FieldError, message: &str| FieldError { message: message.to_owned(), ..error };
        match (self.reason.as_str(), value) {
            ("FieldValueRequired", _) => FieldError::required(field, detail),
            ("FieldValueForbidden", _) => FieldError::forbidden(field, detail),
            ("FieldValueDuplicate", Some(value)) => FieldError::duplicate(field, value),
            ("FieldValueDuplicate", None) => bare(FieldError::duplicate(field, &Value::Null), "Duplicate value"),
            (_, Some(value)) => FieldError::invalid(field, value, detail),
            (_, None) => bare(FieldError::invalid(field, &Value::Null, detail), &format!("Invalid value: {detail}")),
        }
    }
}

/// A value that is looked at.
#[derive(Clone, Copy)]
struct At<'v> {
    schema: &'v Structural,
    value: &'v Value,
    /// What rules know as `oldSelf`.
    old: Option<&'v Value>,
    correlation: Correlation<'v>,
    path: &'v Path<'v>,
}

/// One run over an object.
pub(crate) struct Run {
    errors: Bounded<FieldError>,
    /// What is left to spend; `None`: it was not enough.
    pub budget: Option<u64>,
}

/// What the rules of a schema say of an object that was `old`.
pub fn validations(schema: &Structural, new: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut run = Run::new(Some(limits::RUNTIME_BUDGET));
    let correlation = Correlation::root(schema, new, old);
    run.walk(At { schema, value: new, old, correlation, path: &Path::Root });
    run.into_errors()
}

impl Run {
    pub fn new(budget: Option<u64>) -> Self {
        Self { errors: Bounded::default(), budget }
    }

    /// What is wrong.
    pub fn into_errors(self) -> Vec<FieldError> {
        self.errors.into_vec()
    }

    /// Runs the rules over a value at `path`; nothing is let be because it is what it was.
    pub fn strict(&mut self, schema: &Structural, value: &Value, old: Option<&Value>, path: &str) {
        self.walk(At { schema, value, old, correlation: Correlation::default(), path: &Path::named(path) });
    }

    fn walk(&mut self, at: At) {
        if !at.schema.has_rules || at.value.is_null() || self.budget.is_none() || self.errors.is_full() {
            return;
        }
        let at = At { old: at.old.filter(|old| !old.is_null()), ..at };
        if let Some(validations) = &at.schema.validations {
            validations.rules.iter().for_each(|rule| self.check(rule, at));
        }
        let here = at.correlation.here();
        let here = here.as_ref();
        match at.value {
            Value::Object(map) => {
                for (key, value) in map {
                    let Some(schema) = at.schema.child(key).filter(|schema| schema.has_rules) else { continue };
                    let named = at.schema.properties.contains_key(key);
                    let path = if named { Path::Key(at.path, key) } else { Path::Bracket(at.path, key) };
                    let old = at.old.and_then(|old| old.get(key));
                    self.walk(At { schema, value, old, correlation: at.correlation.key(here, key), path: &path });
                }
            }
            Value::Array(list) => {
                let Some(schema) = at.schema.items.as_deref().filter(|items| items.has_rules) else { return };
                let formers = Formers::of(at.schema, at.old);
                for (index, value) in list.iter().enumerate() {
                    let old = formers.find(value);
                    let path = Path::Index(at.path, index);
                    let correlation = at.correlation.item(here, old, value);
                    self.walk(At { schema, value, old, correlation, path: &path });
                }
            }
            _ => {}
        }
    }

    fn check(&mut self, rule: &Validation, at: At) {
        let Some(budget) = self.budget else { return };
        let program = match &rule.program {
            Ok(program) => program,
            Err(why) => return self.refuse(at, format!("rule compile error: {why}")),
        };
        let compares = program.uses("oldSelf");
        if compares && at.old.is_none() && !rule.optional_old {
            return;
        }
        if budget == 0 {
            return self.exhausted(at);
        }
        let bindings = bound(at);
        let outcome = program.evaluate(&bindings, limits::PER_CALL.min(budget));
        self.budget = budget.checked_sub(outcome.cost);
        let passed = match outcome.result {
            Ok(cel::Value::Bool(passed)) => passed,
            Ok(_) => false,
            Err(EvalError::OverBudget) if outcome.cost < budget => {
                self.budget = None;
                let why = "'operation cancelled: actual cost limit exceeded': no further validation rules will be run";
                return self.refuse(at, format!("{why} due to call cost exceeds limit for rule: {}", rule.named()));
            }
            Err(EvalError::OverBudget) => return self.exhausted(at),
            Err(EvalError::Failed(why)) => {
                return self.refuse(at, format!("{why} evaluating rule: {}", rule.named()));
            }
        };
        if passed {
            return;
        }
        let error = match self.message(rule, at) {
            Ok(detail) => rule.error(&at, &detail),
            Err(why) => {
                self.budget = None;
                FieldError::invalid(rule.place(&at), &at.schema.value_type.as_str().into(), &why)
            }
        };
        if compares || !at.correlation.is_unchanged() {
            self.errors.push(error);
        }
    }

    fn refuse(&mut self, at: At, why: String) {
        let shown = at.schema.value_type.as_str().into();
        self.errors.push(FieldError::invalid(shown_path(at.path), &shown, &why));
    }

    fn exhausted(&mut self, at: At) {
        self.budget = None;
        let why = "validation failed due to running out of cost budget, no further validation rules will be run";
        self.refuse(at, why.to_owned());
    }

    /// What the rule says of a value that it refuses; an error ends the run.
    fn message(&mut self, rule: &Validation, at: At) -> Result<String, String> {
        let (Some(program), Some(budget)) = (&rule.message_program, self.budget) else {
            return Ok(rule.default_message());
        };
        let bindings = bound(at);
        let outcome = program.evaluate(&bindings, limits::PER_CALL.min(budget));
        self.budget = budget.checked_sub(outcome.cost);
        let usable = |text: &str| !text.is_empty() && !text.contains('\n') && text.len() <= MAX_MESSAGE;
        match outcome.result {
            Err(EvalError::OverBudget) if outcome.cost < budget => Err(format!(
                "no further validation rules will be run due to call cost exceeds limit for messageExpression: {:?}",
                program.source()
            )),
            Err(EvalError::OverBudget) => Err(
                "messageExpression evaluation failed due to running out of cost budget, no further validation rules will be run"
                    .to_owned(),
            ),
            Ok(cel::Value::String(text)) if usable(text.trim()) => Ok(text.trim().to_owned()),
            _ => Ok(rule.default_message()),
        }
    }
}

/// Upstream has no name for the object itself.
fn shown_path(path: &Path) -> String {
    if matches!(path, Path::Root) { "<nil>".to_owned() } else { path.to_string() }
}

fn bound(at: At) -> Bindings {
    Bindings::default().json("self", at.value).json("oldSelf", at.old.unwrap_or(&Value::Null))
}

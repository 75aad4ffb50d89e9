//! CEL rules of a definition's schema (`x-kubernetes-validations`): compiled when the schema is read, run over what is written. A rule that fails
//! of something unchanged is let be, unless it compares with the old value (KEP-4008).

use std::fmt;

use cel::{Bindings, Decl, Env, EvalError, NEWEST, Program, Type, compile, decl_of_schema, limits};
use serde_json::Value;

use super::Structural;
use crate::field_error::FieldError;
use crate::schema::ListType;
use crate::tree::text;

/// The rules of one schema.
pub struct Validations {
    rules: Vec<Validation>,
    /// Upstream shows scalars only.
    shows_value: bool,
}

struct Validation {
    rule: String,
    message: String,
    reason: String,
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
        let rules = rules.iter().map(|rule| Validation::parse(props, rule, root)).collect();
        let shows_value = !matches!(props["type"].as_str(), Some("object" | "array"));
        Some(Self { rules, shows_value })
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
            field_path: text(given, "fieldPath").to_owned(),
            optional_old,
            program: compiled(text(given, "rule"), Type::Bool),
            message_program: Some(expression)
                .filter(|text| !text.is_empty())
                .and_then(|text| compiled(text, Type::String).ok()),
        }
    }

    fn default_message(&self) -> String {
        if self.message.is_empty() { format!("failed rule: {}", self.rule) } else { self.message.clone() }
    }

    fn error(&self, path: &str, value: Option<&Value>, detail: &str) -> FieldError {
        let field = shown_path(&format!("{path}{}", self.field_path));
        match (self.reason.as_str(), value) {
            ("FieldValueRequired", _) => FieldError::required(field, detail),
            ("FieldValueForbidden", _) => FieldError::forbidden(field, detail),
            ("FieldValueDuplicate", value) => FieldError::duplicate(field, value.unwrap_or(&Value::Null)),
            (_, Some(value)) => FieldError::invalid(field, value, detail),
            (_, None) => {
                let error = FieldError::invalid(field, &Value::Null, detail);
                FieldError { message: format!("Invalid value: {detail}"), ..error }
            }
        }
    }
}

/// One run over an object.
struct Run {
    errors: Vec<FieldError>,
    /// What is left to spend; `None`: it was not enough.
    budget: Option<u64>,
}

/// What the rules of a schema say of an object that was `old`.
pub fn validations(schema: &Structural, new: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut run = Run { errors: Vec::new(), budget: Some(limits::RUNTIME_BUDGET) };
    run.walk(schema, new, old, "");
    run.errors
}

impl Run {
    fn walk(&mut self, schema: &Structural, value: &Value, old: Option<&Value>, path: &str) {
        if value.is_null() || self.budget.is_none() {
            return;
        }
        if let Some(validations) = &schema.validations {
            validations.rules.iter().for_each(|rule| self.check(rule, validations.shows_value, value, old, path));
        }
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    let Some(child) = schema.child(key) else { continue };
                    let named = schema.properties.contains_key(key);
                    let place = if named { format!("{path}.{key}") } else { format!("{path}[{key}]") };
                    let old = old.filter(|_| !schema.atomic).and_then(|old| old.get(key));
                    self.walk(child, value, old, &place);
                }
            }
            Value::Array(list) => {
                let Some(items) = &schema.items else { return };
                for (index, value) in list.iter().enumerate() {
                    self.walk(items, value, former(schema, value, old), &format!("{path}[{index}]"));
                }
            }
            _ => {}
        }
    }

    fn check(&mut self, rule: &Validation, shows_value: bool, value: &Value, old: Option<&Value>, path: &str) {
        let Some(budget) = self.budget else { return };
        let place = shown_path(path);
        let refuse = |why: String| FieldError {
            message: format!("Invalid value: {why}"),
            ..FieldError::invalid(&place, &Value::Null, "")
        };
        let program = match &rule.program {
            Ok(program) => program,
            Err(why) => return self.errors.push(refuse(format!("rule compile error: {why}"))),
        };
        let compares = program.uses("oldSelf");
        if compares && old.is_none() && !rule.optional_old {
            return;
        }
        let bindings = bound(value, old);
        let outcome = program.evaluate(&bindings, limits::PER_CALL.min(budget));
        self.budget = budget.checked_sub(outcome.cost);
        let over = || "validation failed due to running out of cost budget, no further validation rules will be run";
        let passed = match outcome.result {
            Ok(cel::Value::Bool(passed)) => passed,
            Ok(_) => false,
            Err(EvalError::OverBudget) if outcome.cost < budget => {
                self.budget = None;
                let why = "operation cancelled: actual cost limit exceeded";
                let rule = rule.default_message();
                return self.errors.push(refuse(format!(
                    "'{why}': no further validation rules will be run due to call cost exceeds limit for rule: {rule}"
                )));
            }
            Err(EvalError::OverBudget) => {
                self.budget = None;
                return self.errors.push(refuse(over().to_owned()));
            }
            Err(EvalError::Failed(why)) => {
                return self.errors.push(refuse(format!("{why} evaluating rule: {}", rule.default_message())));
            }
        };
        if passed || !compares && old == Some(value) {
            return;
        }
        let detail = self.message(rule, value, old).unwrap_or_else(|| rule.default_message());
        self.errors.push(rule.error(path, Some(value).filter(|_| shows_value), &detail));
    }

    /// What the rule's message expression says, if it says something on one line.
    fn message(&mut self, rule: &Validation, value: &Value, old: Option<&Value>) -> Option<String> {
        let (program, budget) = (rule.message_program.as_ref()?, self.budget?);
        let bindings = bound(value, old);
        let outcome = program.evaluate(&bindings, limits::PER_CALL.min(budget));
        self.budget = budget.checked_sub(outcome.cost);
        match outcome.result {
            Ok(cel::Value::String(text)) => {
                Some(text.trim().to_owned()).filter(|text| !text.is_empty() && !text.contains(['\n', '\r']))
            }
            _ => None,
        }
    }
}

/// Upstream has no name for the object itself.
fn shown_path(path: &str) -> String {
    if path.is_empty() { "<nil>".to_owned() } else { path.trim_start_matches('.').to_owned() }
}

fn bound<'a>(value: &'a Value, old: Option<&'a Value>) -> Bindings<'a> {
    Bindings::default().json("self", value).json("oldSelf", old.unwrap_or(&Value::Null))
}

/// The item that this one was; only items with keys are known again.
fn former<'v>(schema: &Structural, item: &Value, old: Option<&'v Value>) -> Option<&'v Value> {
    if schema.list_type != Some(ListType::Map) {
        return None;
    }
    let same = |old: &&Value| schema.list_keys.iter().all(|key| old.get(*key) == item.get(*key));
    old?.as_array()?.iter().find(same)
}

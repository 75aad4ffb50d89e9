//! CEL rules of a schema: they are written as upstream asks, compile, and are estimated to cost no more than a rule and a whole definition may.

use std::cell::{Cell, RefCell};

use cel::{CompileError, Type, limits};
use serde_json::Value;

use super::schema::{Place, is_resource};
use crate::custom::{environment, field_path};
use crate::field::Field;
use crate::field_error::FieldError;
use crate::tree::text;

const REASONS: [&str; 4] = ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];

/// As many expressions are named when all of them cost too much together, dearest first.
const NAMED: usize = 4;

/// How rules are written, whatever they say.
pub(super) fn texts(schema: &Field) {
    for rule in schema.get("x-kubernetes-validations").items() {
        let (source, message) = (rule.get("rule"), rule.get("message"));
        let said = message.text().trim();
        if source.text().trim().is_empty() {
            source.required("rule is not specified");
        } else if !message.text().is_empty() && said.is_empty() {
            message.invalid("message must be non-empty if specified");
        } else if has_lines(said) {
            message.invalid("message must not contain line breaks");
        } else if has_lines(source.text().trim()) && said.is_empty() {
            message.required("message must be specified if rule contains line breaks");
        }
        let expression = rule.get("messageExpression");
        if !expression.text().is_empty() && expression.text().trim().is_empty() {
            expression.required("messageExpression must be non-empty if specified");
        }
        if rule.get("reason").is_set() {
            rule.get("reason").one_of(&REASONS);
        }
        place_text(schema, &rule.get("fieldPath"));
    }
}

fn place_text(schema: &Field, path: &Field) {
    let text = path.text();
    if text.is_empty() {
        return;
    }
    if text.trim().is_empty() {
        path.invalid("fieldPath must be non-empty if specified");
    }
    if has_lines(text) {
        path.invalid("fieldPath must not contain line breaks");
    }
    if field_path(text, schema.value).is_none() {
        path.invalid("fieldPath must be a valid path");
    }
}

fn has_lines(text: &str) -> bool {
    text.contains(['\n', '\r'])
}

/// What the rules of one schema come to. Its errors follow those of the schema itself.
#[derive(Default)]
pub(super) struct Rules {
    errors: RefCell<Vec<FieldError>>,
    total: Cell<u64>,
    /// Places and costs of the dearest expressions.
    dearest: RefCell<Vec<(String, u64)>>,
}

impl Rules {
    /// The rules that stand at a schema that is sound itself.
    pub fn compile(&self, schema: &Field, place: Place) {
        for rule in schema.get("x-kubernetes-validations").items() {
            let is_optional = rule.get("optionalOldSelf").flag();
            let Some((env, decl)) = environment(schema.value, is_resource(schema, place), is_optional) else {
                continue;
            };
            let source = rule.get("rule");
            let program = match cel::compile(source.text(), &env, &[Type::Bool]) {
                Ok(program) => program,
                Err(why) => {
                    self.refuse(&source, rule.value, &refusal(&why, "", "cel expression must evaluate to a bool"));
                    self.old_self(&rule, false, place);
                    continue;
                }
            };
            let count = place.count.unwrap_or_else(|| decl.max_cardinality());
            self.spend(&source, "rule", program.estimate().max.saturating_mul(count));
            let message = rule.get("messageExpression");
            if !message.text().is_empty() {
                // Upstream counts a message once.
                match cel::compile(message.text(), &env, &[Type::String]) {
                    Ok(program) => self.spend(&message, "messageExpression", program.estimate().max),
                    Err(why) => {
                        let wanted = "messageExpression must evaluate to a string";
                        self.refuse(&message, rule.value, &refusal(&why, "messageExpression ", wanted));
                    }
                }
            }
            self.old_self(&rule, program.uses("oldSelf"), place);
        }
    }

    /// Old values are there where they can be told apart, and asked for where that is said.
    fn old_self(&self, rule: &Field, is_used: bool, place: Place) {
        let optional = rule.get("optionalOldSelf");
        if !is_used {
            if optional.is_set() {
                self.error(&optional, |field| {
                    FieldError::invalid(field, optional.value, "may not be set if oldSelf is not used in rule")
                });
            }
        } else if let Some(within) = place.uncorrelated {
            let source = rule.get("rule");
            let why = format!("oldSelf cannot be used on the uncorrelatable portion of the schema within {within}");
            self.error(&source, |field| FieldError::invalid(field, source.value, &why));
        }
    }

    fn error(&self, place: &Field, make: impl FnOnce(String) -> FieldError) {
        self.errors.borrow_mut().push(make(place.place()));
    }

    fn refuse(&self, place: &Field, rule: &Value, why: &str) {
        let message = format!("Invalid value: {}: {why}", shown(rule));
        self.error(place, |field| FieldError { message, ..FieldError::invalid(field, &Value::Null, "") });
    }

    /// Counts an expression, and refuses it when it is too dear by itself.
    fn spend(&self, place: &Field, what: &str, cost: u64) {
        if cost > limits::STATIC_ESTIMATE {
            let why = over(&format!("estimated {what} cost"), cost, limits::STATIC_ESTIMATE);
            self.error(place, |field| FieldError::forbidden(field, &why));
        }
        self.observe(place.place(), cost);
    }

    fn observe(&self, place: String, cost: u64) {
        self.total.set(self.total.get().saturating_add(cost));
        if cost >= limits::STATIC_ESTIMATE_TOTAL / 100 {
            let mut dearest = self.dearest.borrow_mut();
            dearest.push((place, cost));
            dearest.sort_by_key(|(_, cost)| std::cmp::Reverse(*cost));
            dearest.truncate(NAMED);
        }
    }

    /// Reports what was found to `schema`, the root.
    pub fn report(self, schema: &Field) {
        self.errors.into_inner().into_iter().for_each(|error| schema.report(error));
        let total = self.total.get();
        if total <= limits::STATIC_ESTIMATE_TOTAL {
            return;
        }
        for (place, _) in self.dearest.into_inner() {
            let why = "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema";
            schema.report(FieldError::forbidden(place, why));
        }
        let what = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema";
        schema.forbidden(&over(what, total, limits::STATIC_ESTIMATE_TOTAL));
    }
}

/// `wanted`: what upstream says of an expression of another type.
fn refusal(why: &CompileError, what: &str, wanted: &str) -> String {
    match why {
        CompileError::Result { .. } => wanted.to_owned(),
        why => format!("{what}{why}"),
    }
}

/// The rule as upstream shows it: Go's JSON of its internal type.
fn shown(rule: &Value) -> String {
    let word = |name: &str| Value::from(text(rule, name));
    let fields = [
        ("Rule", word("rule")),
        ("Message", word("message")),
        ("MessageExpression", word("messageExpression")),
        ("Reason", rule["reason"].clone()),
        ("FieldPath", word("fieldPath")),
        ("OptionalOldSelf", rule["optionalOldSelf"].clone()),
    ];
    let fields: Vec<String> = fields.into_iter().map(|(name, value)| format!("{name:?}:{value}")).collect();
    format!("{{{}}}", fields.join(",")).replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

fn over(what: &str, cost: u64, limit: u64) -> String {
    let factor = match cost as f64 / limit as f64 {
        factor @ ..1.5 => format!("{factor:.6}x"),
        factor @ ..=100.0 => format!("{factor:.1}x"),
        _ => "more than 100x".to_owned(),
    };
    format!(
        "{what} exceeds budget by factor of {factor} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Upstream's TestPerCRDEstimatedCost.
    #[test]
    fn the_dearest_are_kept() {
        let half = u64::MAX / 2;
        for (costs, dearest, total) in [
            (&[][..], &[][..], 0),
            (&[1_000_000], &[1_000_000], 1_000_000),
            (&[900_000], &[], 900_000),
            (&[5_000_000, 25_000_000], &[25_000_000, 5_000_000], 30_000_000),
            (&[5_000_000, 25_000_000, 900_000], &[25_000_000, 5_000_000], 30_900_000),
            (
                &[16_000_000, 50_000_000, 900_000, 34_000_000, 50_000_000, 50_000_001],
                &[50_000_001, 50_000_000, 50_000_000, 34_000_000],
                200_900_001,
            ),
            (&[half, half, 1, 10, 100, 1_000], &[half, half], u64::MAX),
        ] {
            let rules = Rules::default();
            costs.iter().for_each(|cost| rules.observe(String::new(), *cost));
            let kept: Vec<u64> = rules.dearest.into_inner().into_iter().map(|(_, cost)| cost).collect();
            assert_eq!((kept.as_slice(), rules.total.get()), (dearest, total), "{costs:?}");
        }
    }
}

//! Validation of ValidatingAdmissionPolicies: what they check, say and note (pkg/apis/admissionregistration/validation).

use cel::Type;
use serde_json::Value;

use super::expressions::compiles;
use super::policies;
use crate::admissionregistration::expressions::{Composition, Names};
use crate::field::{self, Field};
use crate::field_error::FieldError;
use crate::names;

const MOST_ANNOTATIONS: usize = 20;
const ANNOTATION_BYTES_MAX: usize = 5 * 1024;

pub(super) fn validate_create(policy: &Value) -> Vec<FieldError> {
    validate(policy, true)
}

pub(super) fn validate_update(policy: &Value, old: &Value) -> Vec<FieldError> {
    validate(policy, policies::conditions_changed(policy, old))
}

fn validate(policy: &Value, conditions: bool) -> Vec<FieldError> {
    field::validate(policy, |policy| {
        let spec = policy.get("spec");
        policies::check(&spec, conditions);
        let names = policies::names_of(&spec);
        // Only policies with variables can name them.
        let composition = match spec.get("variables").len() {
            0 => Composition::NONE,
            _ => policies::variables(&spec.get("variables"), names),
        };
        let (validations, annotations) = (spec.get("validations"), spec.get("auditAnnotations"));
        if validations.len() == 0 && annotations.len() == 0 {
            let why = "validations or auditAnnotations must contain at least one item";
            validations.required(why);
            return annotations.required(why);
        }
        validations.items().for_each(|validation| check(&validation, &composition, names));
        let name = policy.get("metadata");
        check_annotations(&annotations, name.get("name").text(), &composition, names);
    })
}

/// One validation.
fn check(validation: &Field, composition: &Composition, names: Names) {
    let expression = validation.get("expression");
    match expression.text() {
        text if text.trim().is_empty() => expression.required("expression is not specified"),
        text => compiles(&expression, text, composition.compile(text, names, &[Type::Bool])),
    }
    let made = validation.get("messageExpression");
    match made.text() {
        "" => {}
        text if text.trim().is_empty() => made.invalid("must be non-empty if specified"),
        text => {
            let names = Names { authorizer: false, ..names };
            compiles(&made, text, composition.compile(text, names, &[Type::String]));
        }
    }
    let message = validation.get("message");
    if !message.text().is_empty() && message.text().trim().is_empty() {
        message.invalid("message must be non-empty if specified");
    } else if message.text().trim().contains(['\n', '\r']) {
        message.invalid("message must not contain line breaks");
    }
    let reason = validation.get("reason");
    if reason.is_set() {
        reason.one_of(&["Forbidden", "Invalid", "RequestEntityTooLarge"]);
    }
}

fn check_annotations(annotations: &Field, policy: &str, composition: &Composition, names: Names) {
    if annotations.len() > MOST_ANNOTATIONS {
        annotations.invalid(&format!("must not have more than {MOST_ANNOTATIONS} auditAnnotations"));
    }
    let mut known: Vec<String> = Vec::new();
    for annotation in annotations.items() {
        let (key, expression) = (annotation.get("key"), annotation.get("valueExpression"));
        if policy.is_empty() {
            key.invalid("requires metadata.name be non-empty");
        } else {
            let whole: Value = format!("{policy}/{}", key.text()).into();
            names::qualified_name(whole.as_str().unwrap_or_default())
                .iter()
                .for_each(|why| key.invalid_value(&whole, why));
        }
        match expression.text().trim() {
            "" => expression.required("valueExpression is not specified"),
            text if text.len() > ANNOTATION_BYTES_MAX => {
                expression.required(&format!("must not exceed {ANNOTATION_BYTES_MAX} bytes in length"));
            }
            text => {
                let compiled = composition.compile(text, names, &[Type::String, Type::Null]);
                compiles(&expression, expression.text(), compiled);
            }
        }
        if known.iter().any(|known| known == key.text()) {
            key.duplicate();
        }
        known.push(key.text().to_owned());
    }
}

/// What a controller writes.
pub(super) fn validate_status(policy: &Value) -> Vec<FieldError> {
    field::validate(policy, |policy| {
        let (status, warnings) = (policy.get("status"), "expressionWarnings");
        let checking = status.get("typeChecking");
        for warning in checking.get(warnings).items() {
            warning.get("warning").require("", |_| Vec::new());
            let place = warning.get("fieldRef");
            match place.text().trim() {
                "" => place.required(""),
                path => {
                    if let Err(why) = crate::json_path::JsonPath::parse(&format!("{{{path}}}")) {
                        place.invalid(&format!("invalid JSONPath: {why}"));
                    }
                }
            }
        }
    })
}

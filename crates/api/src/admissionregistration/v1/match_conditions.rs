//! Match conditions of webhooks and policies as they are written: named expressions that compile. They cannot name variables.

use cel::Type;

use super::expressions::compiles;
use crate::admissionregistration::expressions::{Composition, Names};
use crate::field::Field;
use crate::field_error::FieldError;
use crate::names;

const MOST: usize = 64;

/// `params`: whether the policy has a kind of parameters.
pub(super) fn check(conditions: &Field, params: bool) {
    if conditions.len() > MOST {
        conditions.report(FieldError::too_many(conditions.place(), conditions.len(), MOST));
    }
    let mut known: Vec<String> = Vec::new();
    for condition in conditions.items() {
        let (name, expression) = (condition.get("name"), condition.get("expression"));
        match expression.text().trim() {
            "" => expression.required(""),
            text => compiles(
                &expression,
                text,
                Composition::NONE.compile(text, Names { params, authorizer: true, patches: false }, &[Type::Bool]),
            ),
        }
        name.require("", names::qualified_name);
        if known.iter().any(|known| known == name.text()) {
            name.duplicate();
        } else if !name.text().is_empty() {
            known.push(name.text().to_owned());
        }
    }
}

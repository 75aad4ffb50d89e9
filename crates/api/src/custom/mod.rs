//! Custom resources: what a CustomResourceDefinition makes of itself. Structural schemas (pruning, defaults, value validation), the rows of the
//! kinds it defines, its conditions, and its part of OpenAPI. Pure.

mod cell;
mod conditions;
mod correlation;
mod defaults;
mod definition;
mod embedded;
mod field_path;
mod formats;
mod intern;
mod lists;
mod mailbox;
mod numbers;
pub(crate) mod openapi;
mod prune;
mod row;
mod rules;
mod structural;
mod validations;
mod values;

pub use cell::PathCell;
pub(crate) use conditions::{Approval, approval_state, is_protected};
pub use conditions::{NamesInUse, TERMINATING, condition, conditions, is_condition, names_in_use, set_condition};
pub use definition::{Conversion, Definition, Version};

pub(crate) use field_path::field_path;
pub use rules::Rules;
pub use structural::{Additional, Structural, ValueType};
pub(crate) use validations::{Run, environment};
pub use validations::{Validations, validations};

use serde_json::Value;

use crate::bounded::MAX_ISSUES;
use crate::field_error::{FieldError, FieldErrorType};
use crate::path::Path;
use crate::schema::FieldIssue;

impl Structural {
    /// Checks metadata, prunes unknown fields and nulls that are not allowed. Issues come in the order of the fields.
    pub fn normalise(&self, object: &mut Value) -> Vec<FieldIssue> {
        let issues = prune::prune(self, object);
        defaults::drop_nulls(self, object);
        issues
    }

    /// Whether pruning takes something away from a value of this schema that is no whole object.
    pub(crate) fn prunes(&self, value: &mut Value) -> bool {
        prune::prunes(self, value)
    }

    /// Fills in what is missing and has a default.
    pub fn default(&self, object: &mut Value) {
        defaults::fill(self, object);
    }

    /// Everything the schema asks of an object; what an update left as it was is not held against it.
    pub fn validate(&self, new: &Value, old: Option<&Value>) -> Vec<FieldError> {
        let mut errors = values::validate(self, new, old);
        errors.extend(embedded::validate(self, new));
        if old.is_none_or(|old| lists::validate(self, old).is_empty()) {
            errors.extend(lists::validate(self, new));
        }
        self.rules_after(errors, new, old)
    }

    /// As [`Structural::validate`], of a write to the status alone: values are looked at in the status, rules hold for the whole object.
    pub fn validate_status(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = values::validate_status(self, new, old);
        if lists::validate(self, old).is_empty() {
            errors.extend(lists::validate(self, new));
        }
        self.rules_after(errors, new, Some(old))
    }

    /// What a value has wrong that is part of no object yet, rules aside.
    pub(crate) fn validate_part(&self, value: &Value) -> Vec<FieldError> {
        values::validate(self, value, None)
    }

    /// What the objects in a value at `path` have wrong in their metadata, which is not pruned.
    pub(crate) fn resources_within(&self, value: &Value, path: &str) -> Vec<FieldError> {
        match embedded::malformed(self, value, &Path::named(path)) {
            Some(error) => vec![error],
            None => embedded::within(self, value, path),
        }
    }

    /// Rules need values of the types and sizes that were declared.
    fn rules_after(&self, mut errors: Vec<FieldError>, new: &Value, old: Option<&Value>) -> Vec<FieldError> {
        if !self.has_rules {
            return errors;
        }
        // What was not told may block them as well.
        if errors.len() >= MAX_ISSUES || errors.iter().any(blocks_rules) {
            let why = "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation";
            errors.push(FieldError::invalid("<nil>", &Value::Null, why));
        } else {
            errors.extend(validations(self, new, old));
        }
        errors
    }
}

fn blocks_rules(error: &FieldError) -> bool {
    use FieldErrorType::{NotSupported, Required, TooLong, TooMany, TypeInvalid};
    matches!(error.error_type, NotSupported | Required | TooLong | TooMany | TypeInvalid)
}

#[cfg(test)]
mod rule_tests;
#[cfg(test)]
mod tests;

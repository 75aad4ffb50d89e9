//! Custom resources: what a CustomResourceDefinition makes of itself. Structural schemas (pruning, defaults, value validation), the rows of the
//! kinds it defines, its conditions, and its part of OpenAPI. Pure.

mod cell;
mod conditions;
mod defaults;
mod definition;
mod embedded;
mod formats;
mod intern;
mod lists;
mod numbers;
pub(crate) mod openapi;
mod pattern;
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

pub(crate) use pattern::compile as compile_pattern;
pub use rules::Rules;
pub use structural::{Additional, Structural, ValueType};
pub(crate) use validations::environment;
pub use validations::{Validations, validations};

use serde_json::Value;

use crate::field_error::FieldError;
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
        if errors.is_empty() {
            errors.extend(validations(self, new, old));
        }
        errors
    }

    /// As [`Structural::validate`], of a write to the status alone.
    pub fn validate_status(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = values::validate_status(self, new, old);
        errors.extend(embedded::validate(self, new));
        if lists::validate(self, old).is_empty() {
            errors.extend(lists::validate(self, new));
        }
        errors
    }
}

#[cfg(test)]
mod tests;

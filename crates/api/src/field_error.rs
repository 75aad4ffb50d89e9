//! Validation errors that name a field, with upstream's types and texts (apimachinery pkg/util/validation/field).

use std::fmt;

/// Which rule was broken; `reason()` is the CauseType that goes into `Status.details.causes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldErrorType {
    NotFound,
    Required,
    Duplicate,
    Invalid,
    NotSupported,
    Forbidden,
    TooLong,
    TooMany,
    TypeInvalid,
    Internal,
}

impl FieldErrorType {
    /// Upstream's CauseType.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NotFound => "FieldValueNotFound",
            Self::Required => "FieldValueRequired",
            Self::Duplicate => "FieldValueDuplicate",
            Self::Invalid => "FieldValueInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Forbidden => "FieldValueForbidden",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::TypeInvalid => "FieldValueTypeInvalid",
            Self::Internal => "InternalError",
        }
    }
}

/// One broken rule: the field's path (`spec.containers[0].image`) and upstream's message without the path
/// (`Required value`, `Invalid value: "x": must be ...`, `Unsupported value: "x": supported values: "a", "b"`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    pub error_type: FieldErrorType,
    pub field: String,
    pub message: String,
}

impl FieldError {
    pub fn required(field: impl Into<String>, detail: &str) -> Self {
        Self::with(FieldErrorType::Required, field, "Required value", detail)
    }

    pub fn forbidden(field: impl Into<String>, detail: &str) -> Self {
        Self::with(FieldErrorType::Forbidden, field, "Forbidden", detail)
    }

    /// `value` is printed as JSON, as upstream prints it.
    pub fn invalid(field: impl Into<String>, value: &serde_json::Value, detail: &str) -> Self {
        Self::with(FieldErrorType::Invalid, field, &format!("Invalid value: {value}"), detail)
    }

    pub fn duplicate(field: impl Into<String>, value: &serde_json::Value) -> Self {
        Self::with(FieldErrorType::Duplicate, field, &format!("Duplicate value: {value}"), "")
    }

    pub fn not_found(field: impl Into<String>, value: &serde_json::Value) -> Self {
        Self::with(FieldErrorType::NotFound, field, &format!("Not found: {value}"), "")
    }

    pub fn not_supported(field: impl Into<String>, value: &serde_json::Value, supported: &[&str]) -> Self {
        let quoted: Vec<String> = supported.iter().map(|s| format!("{s:?}")).collect();
        let detail = format!("supported values: {}", quoted.join(", "));
        Self::with(FieldErrorType::NotSupported, field, &format!("Unsupported value: {value}"), &detail)
    }

    /// Longer than `max` bytes.
    pub fn too_long(field: impl Into<String>, max: usize) -> Self {
        let unit = if max == 1 { "byte" } else { "bytes" };
        Self::with(FieldErrorType::TooLong, field, "Too long", &format!("may not be more than {max} {unit}"))
    }

    /// More than `max` items.
    pub fn too_many(field: impl Into<String>, actual: usize, max: usize) -> Self {
        let unit = if max == 1 { "item" } else { "items" };
        let detail = format!("must have at most {max} {unit}");
        Self::with(FieldErrorType::TooMany, field, &format!("Too many: {actual}"), &detail)
    }

    fn with(error_type: FieldErrorType, field: impl Into<String>, head: &str, detail: &str) -> Self {
        let message = if detail.is_empty() { head.to_owned() } else { format!("{head}: {detail}") };
        Self { error_type, field: field.into(), message }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

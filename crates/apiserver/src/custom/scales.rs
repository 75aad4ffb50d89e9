//! What the scale subresource asks of the fields its paths name.

use api::field_error::FieldError;
use api::kind::{Kind, SubresourceRole};
use serde_json::Value;

/// `status_only`: the write cannot have touched the spec.
pub(crate) fn scale_errors(kind: &Kind, object: &Value, status_only: bool) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for subresource in kind.subresources {
        let SubresourceRole::Scale { spec_replicas, status_replicas, selector } = subresource.role else { continue };
        if !status_only {
            errors.extend(replicas(object, spec_replicas));
        }
        errors.extend(replicas(object, status_replicas));
        if let Some(value) = at(object, selector).filter(|value| !value.is_string()) {
            errors.push(FieldError::invalid(selector, &"".into(), &accessor(selector, value, "string")));
        }
    }
    errors
}

fn replicas(object: &Value, path: &str) -> Option<FieldError> {
    let value = at(object, path)?;
    match value.as_i64() {
        None => Some(FieldError::invalid(path, &0.into(), &accessor(path, value, "int64"))),
        Some(number) if number < 0 => Some(FieldError::invalid(path, value, "should be a non-negative integer")),
        Some(number) if number > i64::from(i32::MAX) => {
            Some(FieldError::invalid(path, value, &format!("should be less than or equal to {}", i32::MAX)))
        }
        Some(_) => None,
    }
}

/// What apimachinery says of a field of another type.
fn accessor(path: &str, value: &Value, wanted: &str) -> String {
    let found = match value {
        Value::String(_) => "string",
        Value::Bool(_) => "bool",
        Value::Number(_) => "float64",
        Value::Array(_) => "[]interface {}",
        _ => "map[string]interface {}",
    };
    let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    format!("{path} accessor error: {shown} is of the type {found}, expected {wanted}")
}

fn at<'v>(object: &'v Value, path: &str) -> Option<&'v Value> {
    let mut steps = path.strip_prefix('.')?.split('.');
    steps.try_fold(object, |value, step| value.get(step)).filter(|value| !value.is_null())
}

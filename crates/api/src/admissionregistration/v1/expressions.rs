//! What is said of expressions that do not compile.

use cel::CompileError;

use crate::field::Field;
use crate::field_error::{FieldError, FieldErrorType};

/// Reports an expression that does not compile; `shown` is the text as upstream shows it there.
pub(super) fn compiles<T>(field: &Field, shown: &str, compiled: Result<T, CompileError>) {
    match compiled {
        Ok(_) => {}
        Err(error @ CompileError::Program(_)) => field.report(FieldError {
            error_type: FieldErrorType::Internal,
            field: field.place(),
            message: format!("Internal error: {error}"),
        }),
        Err(error) => field.invalid_value(&shown.into(), &error.to_string()),
    }
}

//! What the error stream says at the end: a Status in JSON (protocol versions 4 and 5). Pure.

use serde_json::json;

pub fn success() -> String {
    json!({"metadata": {}, "status": "Success"}).to_string()
}

/// A command that ran and ended with a code other than zero.
pub fn exited(code: i32) -> String {
    json!({
        "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
        "message": format!("command terminated with non-zero exit code: exit status {code}"),
        "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
    })
    .to_string()
}

/// It could not be run, or its end is not known.
pub fn failed(message: &str) -> String {
    json!({
        "metadata": {}, "status": "Failure", "reason": "InternalError", "code": 500,
        "message": format!("Internal error occurred: {message}"),
        "details": {"causes": [{"message": message}]},
    })
    .to_string()
}

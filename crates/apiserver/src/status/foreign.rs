//! Status objects that others made and this server passes on: verdicts of admission webhooks.

use serde_json::Value;

use super::{Cause, Details, Status};

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

impl Status {
    /// A webhook's refusal with the code, reason and details it gave (apiserver's pkg/admission/plugin/webhook/errors).
    pub fn denied_by(webhook: &str, result: &Value) -> Self {
        let denied = format!("admission webhook {webhook:?} denied the request");
        let (said, reason) = (text(result, "message"), text(result, "reason"));
        let message = match (said.as_str(), reason.as_str()) {
            ("", "") => format!("{denied} without explanation"),
            ("", why) | (why, _) => format!("{denied}: {why}"),
        };
        let code = result["code"].as_u64().and_then(|code| u16::try_from(code).ok()).filter(|code| *code >= 400);
        let details = result["details"].is_object().then(|| Box::new(Details::of(&result["details"])));
        let continue_token = String::new();
        Self { code: code.unwrap_or(400), reason: reason.into(), message, details, continue_token }
    }
}

impl Details {
    fn of(details: &Value) -> Self {
        let cause = |cause: &Value| Cause {
            reason: text(cause, "reason"),
            message: text(cause, "message"),
            field: text(cause, "field"),
        };
        let seconds = details["retryAfterSeconds"].as_u64().and_then(|seconds| u32::try_from(seconds).ok());
        Self {
            group: text(details, "group"),
            kind: text(details, "kind"),
            name: text(details, "name"),
            uid: text(details, "uid"),
            causes: details["causes"].as_array().into_iter().flatten().map(cause).collect(),
            retry_after_seconds: seconds.unwrap_or_default(),
        }
    }
}

//! metav1.Status: every refusal the server can answer, with upstream's reasons, codes and texts (apimachinery pkg/api/errors). The one place
//! where they are made.

mod foreign;

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use api::decode::DecodeError;
use api::field_error::FieldError;
use api::kind::Kind;
use serde_json::{Map, Value, json};

/// An error answer. Returned through the pipeline as the error type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    pub code: u16,
    pub reason: Cow<'static, str>,
    pub message: String,
    pub details: Option<Box<Details>>,
    /// `metadata.continue`: where a list that met 410 may go on, inconsistently.
    pub continue_token: String,
}

/// `Status.details`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    pub group: String,
    /// The resource for most errors, the kind for `Invalid`.
    pub kind: String,
    pub name: String,
    pub uid: String,
    pub causes: Vec<Cause>,
    pub retry_after_seconds: u32,
}

/// One entry of `Status.details.causes`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cause {
    pub reason: String,
    pub message: String,
    pub field: String,
}

/// `pods`, `deployments.apps`: how upstream prints a resource or kind with its group.
pub fn qualified(group: &str, name: &str) -> String {
    if group.is_empty() { name.to_owned() } else { format!("{name}.{group}") }
}

impl Status {
    fn plain(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), message: message.into(), details: None, continue_token: String::new() }
    }

    fn about(code: u16, reason: &'static str, (group, resource, name): (&str, &str, &str), message: String) -> Self {
        let details =
            Details { group: group.to_owned(), kind: resource.to_owned(), name: name.to_owned(), ..Details::default() };
        Self { code, reason: reason.into(), message, details: Some(Box::new(details)), continue_token: String::new() }
    }

    pub fn not_found(kind: &Kind, name: &str) -> Self {
        Self::not_found_resource(kind.group, kind.plural, name)
    }

    /// As [`Status::not_found`], for a resource that is known by name only.
    pub fn not_found_resource(group: &str, resource: &str, name: &str) -> Self {
        let message = format!("{} {name:?} not found", qualified(group, resource));
        Self::about(404, "NotFound", (group, resource, name), message)
    }

    /// A path that leads nowhere.
    pub fn no_such_path() -> Self {
        Self::about(404, "NotFound", ("", "", ""), "the server could not find the requested resource".to_owned())
    }

    pub fn already_exists(kind: &Kind, name: &str) -> Self {
        let message = format!("{} {name:?} already exists", qualified(kind.group, kind.plural));
        Self::about(409, "AlreadyExists", (kind.group, kind.plural, name), message)
    }

    /// No free name was found for a generateName.
    pub fn generate_name_conflict(kind: &Kind, name: &str) -> Self {
        let resource = qualified(kind.group, kind.plural);
        let message = format!(
            "{resource} {name:?} already exists, the server was not able to generate a unique name for the object"
        );
        Self::about(409, "AlreadyExists", (kind.group, kind.plural, name), message).retry_after(1)
    }

    pub fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        Self::conflict_resource(kind.group, kind.plural, name, why)
    }

    /// As [`Status::conflict`], for what is known by name only.
    pub fn conflict_resource(group: &str, resource: &str, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} {name:?}: {why}", qualified(group, resource));
        Self::about(409, "Conflict", (group, resource, name), message)
    }

    /// The object changed under an update.
    pub fn modified(kind: &Kind, name: &str) -> Self {
        const WHY: &str = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(kind, name, WHY)
    }

    /// Fields of a configuration belong to other managers.
    pub fn apply_conflict(message: String) -> Self {
        Self { details: Some(Box::default()), ..Self::plain(409, "Conflict", message) }
    }

    /// 500 without a reason: what upstream answers when an error is none of its own.
    pub fn unexplained(message: String) -> Self {
        Self::plain(500, "", message)
    }

    pub fn unauthorized() -> Self {
        Self::plain(401, "Unauthorized", "Unauthorized")
    }

    /// Admission's and validation's refusal: `pods "x" is forbidden: why`.
    pub fn forbidden(kind: &Kind, name: &str, why: &str) -> Self {
        Self::forbidden_resource(kind.group, kind.plural, name, why)
    }

    /// As [`Status::forbidden`], for a resource that is known by name only.
    pub fn forbidden_resource(group: &str, resource: &str, name: &str, why: &str) -> Self {
        let resource_text = qualified(group, resource);
        let message = match (resource.is_empty(), name.is_empty()) {
            (true, _) => format!("forbidden: {why}"),
            (false, true) => format!("{resource_text} is forbidden: {why}"),
            (false, false) => format!("{resource_text} {name:?} is forbidden: {why}"),
        };
        Self::about(403, "Forbidden", (group, resource, name), message)
    }

    /// 422 with one cause per broken rule.
    pub fn invalid(kind: &Kind, name: &str, errors: &[FieldError]) -> Self {
        Self::invalid_kind(kind.group, kind.kind, name, errors)
    }

    /// As [`Status::invalid`], for a kind that is known by name only.
    pub fn invalid_kind(group: &str, kind: &str, name: &str, errors: &[FieldError]) -> Self {
        let head = format!("{} {name:?} is invalid", qualified(group, kind));
        let mut known = HashSet::new();
        let texts: Vec<String> =
            errors.iter().map(FieldError::to_string).filter(|text| known.insert(text.clone())).collect();
        let message = match texts.as_slice() {
            [] => head,
            [one] => format!("{head}: {one}"),
            many => format!("{head}: [{}]", many.join(", ")),
        };
        let cause = |error: &FieldError| Cause {
            reason: error.error_type.reason().to_owned(),
            message: error.message.clone(),
            field: error.field.clone(),
        };
        let mut status = Self::about(422, "Invalid", (group, kind, name), message);
        status.details_mut().causes = errors.iter().map(cause).collect();
        status
    }

    /// A patch that cannot be applied to this object.
    pub fn unprocessable(why: &str) -> Self {
        let message = format!("the server rejected our request due to an error in our request: {why}");
        Self::about(422, "Invalid", ("", "", ""), message)
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::plain(400, "BadRequest", message)
    }

    /// 410 for continue tokens and watches from before the kept history.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::plain(410, "Expired", message)
    }

    pub fn method_not_supported(kind: &Kind, verb: &str) -> Self {
        let message = format!("{verb} is not supported on resources of kind {:?}", qualified(kind.group, kind.plural));
        Self::about(405, "MethodNotAllowed", (kind.group, kind.plural, ""), message)
    }

    /// Nothing new is made of a kind whose definition is being deleted.
    pub fn terminating(kind: &Kind, verb: &str) -> Self {
        let message = format!("{verb} not allowed while custom resource definition is terminating");
        Self::about(405, "MethodNotAllowed", (kind.group, kind.plural, ""), message)
    }

    /// What a path answers whose method is not served at all.
    pub fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource".to_owned();
        Self::about(405, "MethodNotAllowed", ("", "", ""), message)
    }

    pub fn not_acceptable(accepted: &[&str]) -> Self {
        let message = format!("only the following media types are accepted: {}", accepted.join(", "));
        Self::plain(406, "NotAcceptable", message)
    }

    /// A transformation that does not suit what was asked for.
    pub fn not_transformable(asked: &str, is: &str, what: &str) -> Self {
        let message = format!("you requested {asked}, but the requested object is {is} ({what})");
        Self::plain(406, "NotAcceptable", message)
    }

    pub fn unsupported_media_type(accepted: &[&str]) -> Self {
        let list = accepted.join(", ");
        let message =
            format!("the body of the request was in an unknown format - accepted media types include: {list}");
        Self::plain(415, "UnsupportedMediaType", message)
    }

    pub fn too_large(limit: usize) -> Self {
        Self::entity_too_large(&format!("limit is {limit}"))
    }

    pub fn entity_too_large(why: &str) -> Self {
        Self::plain(413, "RequestEntityTooLarge", format!("Request entity too large: {why}"))
    }

    /// As upstream's NewTooManyRequests; evictions refused by a budget answer this too.
    pub fn too_many_requests(message: impl Into<String>, retry_after_seconds: u32) -> Self {
        Self::plain(429, "TooManyRequests", message).retry_after(retry_after_seconds)
    }

    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::plain(503, "ServiceUnavailable", message)
    }

    pub fn internal(why: impl fmt::Display) -> Self {
        let why = why.to_string();
        let mut status = Self::plain(500, "InternalError", format!("Internal error occurred: {why}"));
        status.details_mut().causes.push(Cause { message: why, ..Cause::default() });
        status
    }

    /// A transient failure; the client should try again.
    pub fn server_timeout(kind: &Kind, operation: &str, retry_after_seconds: u32) -> Self {
        let resource = qualified(kind.group, kind.plural);
        let message = format!(
            "The {operation} operation against {resource} could not be completed at this time, please try again."
        );
        Self::about(500, "ServerTimeout", (kind.group, kind.plural, operation), message)
            .retry_after(retry_after_seconds)
    }

    pub fn timeout(message: &str, retry_after_seconds: u32) -> Self {
        Self::plain(504, "Timeout", format!("Timeout: {message}")).retry_after(retry_after_seconds)
    }

    /// A read at a resourceVersion that does not exist yet.
    pub fn too_large_resource_version(asked: u64, current: u64, retry_after_seconds: u32) -> Self {
        let text = format!("Too large resource version: {asked}, current: {current}");
        let mut status = Self::timeout(&text, retry_after_seconds);
        let message = "Too large resource version".to_owned();
        status.details_mut().causes.push(Cause {
            reason: "ResourceVersionTooLarge".to_owned(),
            message,
            field: String::new(),
        });
        status
    }

    /// Adds `details.retryAfterSeconds`; the HTTP front makes the Retry-After header from it.
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.details_mut().retry_after_seconds = seconds;
        self
    }

    /// Adds one cause.
    pub fn cause(mut self, reason: &str, message: impl Into<String>, field: impl Into<String>) -> Self {
        let cause = Cause { reason: reason.to_owned(), message: message.into(), field: field.into() };
        self.details_mut().causes.push(cause);
        self
    }

    /// Adds the place where a text is broken.
    pub fn broken_at(self, error: &DecodeError) -> Self {
        self.cause("FieldValueInvalid", error.to_string(), "")
    }

    /// Adds what is probably meant.
    pub fn meant(mut self, meant: &str) -> Self {
        self.message = format!("{} (did you mean {meant}?)", self.message);
        self.cause("", format!("did you mean {meant}?"), "")
    }

    /// The details, made when there are none yet.
    pub fn details_mut(&mut self) -> &mut Details {
        self.details.get_or_insert_default()
    }

    /// The Status object as it goes over the wire.
    pub fn to_value(&self) -> Value {
        let mut value = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code,
        });
        if !self.reason.is_empty() {
            value["reason"] = self.reason.as_ref().into();
        }
        if !self.continue_token.is_empty() {
            value["metadata"]["continue"] = self.continue_token.as_str().into();
        }
        if let Some(details) = &self.details {
            value["details"] = details.to_value();
        }
        value
    }

    /// The answer to a deletion that left nothing behind.
    pub fn deleted(kind: &Kind, name: &str, uid: &str) -> Value {
        let details = Details {
            group: kind.group.into(),
            kind: kind.plural.into(),
            name: name.into(),
            uid: uid.into(),
            ..Details::default()
        };
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details.to_value()})
    }
}

impl Details {
    fn to_value(&self) -> Value {
        let mut map = Map::new();
        for (key, text) in [("name", &self.name), ("group", &self.group), ("kind", &self.kind), ("uid", &self.uid)] {
            if !text.is_empty() {
                map.insert(key.to_owned(), text.as_str().into());
            }
        }
        if !self.causes.is_empty() {
            map.insert("causes".to_owned(), self.causes.iter().map(Cause::to_value).collect());
        }
        if self.retry_after_seconds > 0 {
            map.insert("retryAfterSeconds".to_owned(), self.retry_after_seconds.into());
        }
        Value::Object(map)
    }
}

impl Cause {
    fn to_value(&self) -> Value {
        let fields = [("reason", &self.reason), ("message", &self.message), ("field", &self.field)];
        let present = fields.into_iter().filter(|(_, text)| !text.is_empty());
        Value::Object(present.map(|(key, text)| (key.to_owned(), text.as_str().into())).collect())
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Status {}

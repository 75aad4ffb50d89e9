//! The authorizer: expressions describe a request step by step, and the caller of the room answers whether it is allowed.

use std::sync::Arc;

use crate::builtin::{Builtin, NO_OVERLOAD, Outcome};
use crate::value::Value;

/// Who decides: implemented by the caller.
pub trait Authorizer: Send + Sync {
    fn authorize(&self, request: &AccessRequest) -> Decision;
}

/// Who wants to do what. The user is the one of the request, unless a service account was named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessRequest {
    /// (namespace, name) of the service account to ask for instead of the user.
    pub service_account: Option<(String, String)>,
    pub verb: String,
    /// Asked for with `path(..)`; the fields below are then empty.
    pub path: Option<String>,
    pub group: String,
    pub resource: String,
    pub subresource: String,
    pub namespace: String,
    pub name: String,
    pub field_selector: String,
    pub label_selector: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    pub allowed: bool,
    pub reason: String,
    pub error: Option<String>,
}

/// A step of `authorizer.group(..).resource(..).check(..)`.
pub struct AuthorizerValue<'a> {
    asked: AccessRequest,
    step: Step,
    authorizer: Arc<dyn Authorizer + 'a>,
}

enum Step {
    Authorizer,
    Path,
    Group,
    Resource,
    Decision(Decision),
}

impl<'a> AuthorizerValue<'a> {
    /// The variable `authorizer`.
    pub fn value(authorizer: Arc<dyn Authorizer + 'a>) -> Value<'a> {
        wrap(AuthorizerValue { asked: AccessRequest::default(), step: Step::Authorizer, authorizer })
    }

    /// The variable `authorizer.requestResource`: a check of the resource of the request.
    pub fn request_resource(authorizer: Arc<dyn Authorizer + 'a>, asked: AccessRequest) -> Value<'a> {
        wrap(AuthorizerValue { asked, step: Step::Resource, authorizer })
    }

    pub(crate) fn type_name(&self) -> &'static str {
        match self.step {
            Step::Authorizer => "kubernetes.authorization.Authorizer",
            Step::Path => "kubernetes.authorization.PathCheck",
            Step::Group => "kubernetes.authorization.GroupCheck",
            Step::Resource => "kubernetes.authorization.ResourceCheck",
            Step::Decision(_) => "kubernetes.authorization.Decision",
        }
    }

    fn next(&self, step: Step, change: impl FnOnce(&mut AccessRequest)) -> Value<'a> {
        let mut asked = self.asked.clone();
        change(&mut asked);
        wrap(AuthorizerValue { asked, step, authorizer: self.authorizer.clone() })
    }
}

fn wrap(value: AuthorizerValue<'_>) -> Value<'_> {
    Value::Authorizer(Arc::new(value))
}

pub(crate) fn lookup(name: &str) -> Option<Builtin> {
    Some(match name {
        "path" => |args| {
            authorizer(args, |value, path| {
                if path.is_empty() {
                    return Err("path must not be empty".to_owned());
                }
                Ok(value.next(Step::Path, |asked| asked.path = Some(path.to_owned())))
            })
        },
        "group" => {
            |args| authorizer(args, |value, group| Ok(value.next(Step::Group, |asked| asked.group = group.to_owned())))
        }
        "serviceAccount" => service_account,
        "resource" => resource,
        "subresource" => |args| refine(args, |asked, text| asked.subresource = text),
        "namespace" => |args| refine(args, |asked, text| asked.namespace = text),
        "name" => |args| refine(args, |asked, text| asked.name = text),
        "fieldSelector" => |args| refine(args, |asked, text| asked.field_selector = text),
        "labelSelector" => |args| refine(args, |asked, text| asked.label_selector = text),
        "check" => check,
        "allowed" => |args| decision(args, |decision| Value::Bool(decision.allowed)),
        "reason" => |args| decision(args, |decision| Value::text(decision.reason.as_str())),
        "errored" => |args| decision(args, |decision| Value::Bool(decision.error.is_some())),
        "error" => |args| decision(args, |decision| Value::text(decision.error.as_deref().unwrap_or_default())),
        _ => return None,
    })
}

fn none<T>() -> Result<T, String> {
    Err(NO_OVERLOAD.to_owned())
}

fn authorizer<'a>(args: &[Value<'a>], next: fn(&AuthorizerValue<'a>, &str) -> Outcome<'a>) -> Outcome<'a> {
    match args {
        [Value::Authorizer(value), Value::String(text)] if matches!(value.step, Step::Authorizer) => next(value, text),
        _ => none(),
    }
}

fn service_account<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    let [Value::Authorizer(value), Value::String(namespace), Value::String(name)] = args else { return none() };
    if !matches!(value.step, Step::Authorizer) {
        return none();
    }
    let part = |text: &str| {
        let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        text.starts_with(edge) && text.ends_with(edge) && text.chars().all(|c| edge(c) || c == '-')
    };
    if name.len() > 253 || !name.split('.').all(part) {
        return Err("Invalid service account name".to_owned());
    }
    if namespace.len() > 63 || !part(namespace) {
        return Err("Invalid service account namespace".to_owned());
    }
    Ok(value.next(Step::Authorizer, |asked| asked.service_account = Some((namespace.to_string(), name.to_string()))))
}

fn resource<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    match args {
        [Value::Authorizer(value), Value::String(resource)] if matches!(value.step, Step::Group) => {
            if resource.is_empty() {
                return Err("resource must not be empty".to_owned());
            }
            Ok(value.next(Step::Resource, |asked| asked.resource = resource.to_string()))
        }
        _ => none(),
    }
}

fn refine<'a>(args: &[Value<'a>], change: fn(&mut AccessRequest, String)) -> Outcome<'a> {
    match args {
        [Value::Authorizer(value), Value::String(text)] if matches!(value.step, Step::Resource) => {
            Ok(value.next(Step::Resource, |asked| change(asked, text.to_string())))
        }
        _ => none(),
    }
}

fn check<'a>(args: &[Value<'a>]) -> Outcome<'a> {
    match args {
        [Value::Authorizer(value), Value::String(verb)] if matches!(value.step, Step::Path | Step::Resource) => {
            let asked = AccessRequest { verb: verb.to_string(), ..value.asked.clone() };
            let decision = value.authorizer.authorize(&asked);
            Ok(value.next(Step::Decision(decision), |_| {}))
        }
        _ => none(),
    }
}

fn decision<'a>(args: &[Value<'a>], part: fn(&Decision) -> Value<'static>) -> Outcome<'a> {
    match args {
        [Value::Authorizer(value)] => match &value.step {
            Step::Decision(decision) => Ok(part(decision)),
            _ => none(),
        },
        _ => none(),
    }
}

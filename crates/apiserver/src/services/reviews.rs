//! The reviews: who am I, may somebody do something, is this token good (`token`). They ask the authenticators and authorizers and store nothing.

mod attributes;
mod token;
mod validate;

use std::sync::Arc;

use async_trait::async_trait;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::answer;
use crate::access::{Authorize, Decision};
use crate::authz::{Rbac, Rule};
use crate::body::Body;
use crate::identity::Identity;
use crate::service::{Call, Service};
use crate::status::Status;

pub use token::TokenReview;

/// selfsubjectaccessreviews, subjectaccessreviews, localsubjectaccessreviews, selfsubjectrulesreviews
pub struct AccessReview {
    authorizer: Arc<dyn Authorize>,
    rbac: Arc<Rbac>,
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

impl AccessReview {
    pub fn new(authorizer: Arc<dyn Authorize>, rbac: Arc<Rbac>) -> Self {
        Self { authorizer, rbac }
    }

    fn decide(&self, identity: &Identity, spec: &Value) -> Value {
        let (info, ignored) = attributes::read(spec);
        let mut status = match self.authorizer.authorize(identity, &info) {
            Decision::Allow(reason) => with_reason(json!({"allowed": true}), &reason),
            Decision::Deny(reason) => with_reason(json!({"allowed": false, "denied": true}), &reason),
            Decision::NoOpinion(reason) => with_reason(json!({"allowed": false}), &reason),
        };
        if !ignored.is_empty() {
            status["evaluationError"] = ignored.join("; ").into();
        }
        status
    }

    fn rules(&self, identity: &Identity, namespace: &str) -> Value {
        let (mut rules, mut errors) = self.rbac.rules_for(identity, namespace);
        if identity.in_group("system:masters") {
            let all = || vec!["*".to_owned()];
            rules.push(Rule { verbs: all(), api_groups: all(), resources: all(), ..Rule::default() });
            rules.push(Rule { verbs: all(), non_resource_urls: all(), ..Rule::default() });
        }
        let node = crate::authz::node_name(identity).is_some();
        if node {
            errors.push("node authorizer does not support user rule resolution".to_owned());
        }
        let (paths, resources): (Vec<&Rule>, Vec<&Rule>) = rules.iter().partition(|rule| rule.resources.is_empty());
        let mut status = json!({
            "incomplete": node,
            "resourceRules": resources.into_iter().map(resource_rule).collect::<Vec<_>>(),
            "nonResourceRules": paths.into_iter().map(|rule| json!({"verbs": rule.verbs, "nonResourceURLs": rule.non_resource_urls})).collect::<Vec<_>>(),
        });
        if !errors.is_empty() {
            status["evaluationError"] = errors.join(", ").into();
        }
        status
    }
}

fn resource_rule(rule: &Rule) -> Value {
    let mut value = json!({"verbs": rule.verbs, "apiGroups": rule.api_groups, "resources": rule.resources});
    if !rule.resource_names.is_empty() {
        value["resourceNames"] = json!(rule.resource_names);
    }
    value
}

fn with_reason(mut status: Value, reason: &str) -> Value {
    if !reason.is_empty() {
        status["reason"] = reason.into();
    }
    status
}

/// The user a SubjectAccessReview names.
fn subject(spec: &Value) -> Identity {
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let extra =
        spec["extra"].as_object().into_iter().flatten().map(|(key, value)| (key.clone(), texts(value))).collect();
    Identity {
        name: text(spec, "user").to_owned(),
        uid: text(spec, "uid").to_owned(),
        groups: texts(&spec["groups"]),
        extra,
    }
}

#[async_trait]
impl Service for AccessReview {
    async fn handle(&self, mut call: Call) -> Result<Response<Body>, Status> {
        let mut review = call.read().await?;
        let (resource, namespace) = (call.kind.plural, call.info.namespace.as_str());
        let spec = &review["spec"];
        let status = if resource == "selfsubjectrulesreviews" {
            if text(spec, "namespace").is_empty() {
                return Err(Status::bad_request("no namespace on request"));
            }
            self.rules(&call.identity, text(spec, "namespace"))
        } else {
            validate::check(resource, namespace, &review)?;
            match resource {
                "selfsubjectaccessreviews" => self.decide(&call.identity, spec),
                _ => self.decide(&subject(spec), spec),
            }
        };
        complete(&mut review, &call, status);
        answer::object(&call, StatusCode::CREATED, &review)
    }
}

fn complete(review: &mut Value, call: &Call, status: Value) {
    review["apiVersion"] = call.kind.api_version().into();
    review["kind"] = call.kind.kind.into();
    if !review["metadata"].is_object() {
        review["metadata"] = json!({});
    }
    review["status"] = status;
}

fn user(identity: &Identity) -> Value {
    let mut user = json!({"username": identity.name});
    if !identity.uid.is_empty() {
        user["uid"] = identity.uid.as_str().into();
    }
    if !identity.groups.is_empty() {
        user["groups"] = json!(identity.groups);
    }
    if !identity.extra.is_empty() {
        user["extra"] = json!(identity.extra);
    }
    user
}

/// selfsubjectreviews: `kubectl auth whoami`.
pub struct SelfReview;

#[async_trait]
impl Service for SelfReview {
    async fn handle(&self, mut call: Call) -> Result<Response<Body>, Status> {
        let mut review = call.read().await?;
        let status = json!({"userInfo": user(&call.identity)});
        complete(&mut review, &call, status);
        review["metadata"] = json!({"creationTimestamp": crate::objects::timestamp(call.objects.env().now())});
        answer::object(&call, StatusCode::CREATED, &review)
    }
}

//! The reviews: who am I, may somebody do something, is this token good. They ask the authenticators and authorizers and store nothing.

use std::sync::Arc;

use async_trait::async_trait;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::answer;
use crate::access::{Authorize, Decision};
use crate::authn::ServiceAccountTokens;
use crate::authz::{Rbac, Rule};
use crate::body::Body;
use crate::identity::Identity;
use crate::request::RequestInfo;
use crate::service::{Call, Service};
use crate::status::Status;

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
        match self.authorizer.authorize(identity, &attributes(spec)) {
            Decision::Allow(reason) => with_reason(json!({"allowed": true}), &reason),
            Decision::Deny(reason) => with_reason(json!({"allowed": false, "denied": true}), &reason),
            Decision::NoOpinion(reason) => with_reason(json!({"allowed": false}), &reason),
        }
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

/// The request a review asks about.
fn attributes(spec: &Value) -> RequestInfo {
    let paths = &spec["nonResourceAttributes"];
    if paths.is_object() {
        return RequestInfo {
            path: text(paths, "path").to_owned(),
            verb: text(paths, "verb").to_owned(),
            ..RequestInfo::default()
        };
    }
    let resource = &spec["resourceAttributes"];
    let owned = |field: &str| text(resource, field).to_owned();
    RequestInfo {
        is_resource: true,
        verb: owned("verb"),
        api_group: owned("group"),
        api_version: owned("version"),
        namespace: owned("namespace"),
        resource: owned("resource"),
        subresource: owned("subresource"),
        name: owned("name"),
        field_selector: text(&resource["fieldSelector"], "rawSelector").to_owned(),
        label_selector: text(&resource["labelSelector"], "rawSelector").to_owned(),
        ..RequestInfo::default()
    }
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

/// What is missing or in excess in a review's spec.
fn check(resource: &str, namespace: &str, spec: &Value) -> Result<(), Status> {
    let bad = |why: &str| Err(Status::bad_request(why));
    let (has_resource, has_path) = (spec["resourceAttributes"].is_object(), spec["nonResourceAttributes"].is_object());
    if has_resource && has_path {
        return bad("cannot be specified in combination with resourceAttributes: spec.nonResourceAttributes");
    }
    if !has_resource && !has_path {
        return bad(
            "exactly one of nonResourceAttributes or resourceAttributes must be specified: spec.resourceAttributes",
        );
    }
    let groups = spec["groups"].as_array().is_some_and(|groups| !groups.is_empty());
    if resource != "selfsubjectaccessreviews" && text(spec, "user").is_empty() && !groups {
        return bad("at least one of user or group must be specified: spec.user");
    }
    if resource == "localsubjectaccessreviews" && text(&spec["resourceAttributes"], "namespace") != namespace {
        return bad("spec.resourceAttributes.namespace must match metadata.namespace");
    }
    Ok(())
}

#[async_trait]
impl Service for AccessReview {
    async fn handle(&self, mut call: Call) -> Result<Response<Body>, Status> {
        let mut review = answer::read(&mut call).await?;
        let (resource, namespace) = (call.kind.plural, call.info.namespace.as_str());
        let spec = &review["spec"];
        let status = if resource == "selfsubjectrulesreviews" {
            if text(spec, "namespace").is_empty() {
                return Err(Status::bad_request("no namespace on request"));
            }
            self.rules(&call.identity, text(spec, "namespace"))
        } else {
            check(resource, namespace, spec)?;
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
        let mut review = answer::read(&mut call).await?;
        let status = json!({"userInfo": user(&call.identity)});
        complete(&mut review, &call, status);
        review["metadata"] = json!({"creationTimestamp": crate::objects::timestamp(call.objects.env().now())});
        answer::object(&call, StatusCode::CREATED, &review)
    }
}

/// tokenreviews
pub struct TokenReview {
    tokens: Arc<ServiceAccountTokens>,
}

impl TokenReview {
    pub fn new(tokens: Arc<ServiceAccountTokens>) -> Self {
        Self { tokens }
    }

    fn review(&self, spec: &Value) -> Value {
        let listed = spec["audiences"].as_array().into_iter().flatten();
        let mut audiences: Vec<String> = listed.filter_map(Value::as_str).map(str::to_owned).collect();
        if audiences.is_empty() {
            audiences = self.tokens.audiences().to_vec();
        }
        match self.tokens.verify(text(spec, "token"), &audiences) {
            Some(Ok(verified)) => {
                json!({"authenticated": true, "user": user(&verified.identity), "audiences": verified.audiences})
            }
            Some(Err(error)) => json!({"authenticated": false, "user": {}, "error": error.to_string()}),
            None => json!({"authenticated": false, "user": {}}),
        }
    }
}

#[async_trait]
impl Service for TokenReview {
    async fn handle(&self, mut call: Call) -> Result<Response<Body>, Status> {
        let mut review = answer::read(&mut call).await?;
        if text(&review["spec"], "token").is_empty() {
            return Err(Status::bad_request("token is required for TokenReview in authentication"));
        }
        let status = self.review(&review["spec"]);
        complete(&mut review, &call, status);
        answer::object(&call, StatusCode::CREATED, &review)
    }
}

//! TokenRequest: a token for a service account, bound to a Pod, Secret or Node if asked.

use std::sync::Arc;

use api::field_error::FieldError;
use api::kind::Kind;
use async_trait::async_trait;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::answer;
use crate::authn::{BoundTo, ServiceAccountTokens, TokenReference};
use crate::authz::node_name;
use crate::body::Body;
use crate::identity::Identity;
use crate::objects::{Objects, timestamp};
use crate::rows::row;
use crate::service::{Call, Service};
use crate::status::Status;

const GROUP: &str = "authentication.k8s.io";
const DEFAULT_SECONDS: i64 = 3600;
const SECONDS_MIN: i64 = 600;
const SECONDS_MAX: i64 = 1 << 32;

/// serviceaccounts/token
pub struct TokenRequest {
    tokens: Arc<ServiceAccountTokens>,
    accounts: &'static Kind,
    pods: &'static Kind,
    secrets: &'static Kind,
    nodes: &'static Kind,
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

fn reference(object: &Value) -> TokenReference {
    let metadata = &object["metadata"];
    TokenReference { name: text(metadata, "name").to_owned(), uid: text(metadata, "uid").to_owned() }
}

impl TokenRequest {
    pub fn new(tokens: Arc<ServiceAccountTokens>) -> Self {
        let core = |plural| row("", "v1", plural);
        Self {
            tokens,
            accounts: core("serviceaccounts"),
            pods: core("pods"),
            secrets: core("secrets"),
            nodes: core("nodes"),
        }
    }

    fn bound(&self, objects: &Objects, namespace: &str, account: &str, wanted: &Value) -> Result<BoundTo, Status> {
        if wanted.is_null() {
            return Ok(BoundTo::Nothing);
        }
        let (kind, name) = (text(wanted, "kind"), text(wanted, "name"));
        let row = match (text(wanted, "apiVersion"), kind) {
            ("v1", "Pod") => self.pods,
            ("v1", "Secret") => self.secrets,
            ("v1", "Node") => self.nodes,
            (version, kind) => {
                let slash = if version.contains('/') { "" } else { "/" };
                let why = format!("cannot bind token to object of type {slash}{version}, Kind={kind}");
                return Err(Status::bad_request(why));
            }
        };
        let object = objects.get(row, namespace, name).ok_or_else(|| Status::not_found(row, name))?;
        let found = reference(&object);
        let uid = text(wanted, "uid");
        if !uid.is_empty() && uid != found.uid {
            let why = format!(
                "the UID in the bound object reference ({uid}) does not match the UID in record. \
                 The object might have been deleted and then recreated"
            );
            return Err(Status::conflict_resource("", kind, name, &why));
        }
        match kind {
            "Pod" => {
                if text(&object["spec"], "serviceAccountName") != account {
                    let why = format!(
                        "cannot bind token for serviceaccount {account:?} to pod running with different serviceaccount name."
                    );
                    return Err(Status::bad_request(why));
                }
                let node = text(&object["spec"], "nodeName");
                let node = objects.get(self.nodes, "", node).map(|node| reference(&node));
                Ok(BoundTo::Pod(found, node))
            }
            "Secret" => Ok(BoundTo::Secret(found)),
            _ => Ok(BoundTo::Node(found)),
        }
    }

    /// NodeRestriction: a node asks only for tokens of Pods that run on it.
    fn check_node(
        &self,
        objects: &Objects,
        identity: &Identity,
        namespace: &str,
        name: &str,
        spec: &Value,
    ) -> Result<(), Status> {
        let Some(node) = node_name(identity) else { return Ok(()) };
        let refuse = |why: String| Err(Status::forbidden(self.accounts, name, &why));
        let wanted = &spec["boundObjectRef"];
        if wanted.is_null()
            || text(wanted, "apiVersion") != "v1"
            || text(wanted, "kind") != "Pod"
            || text(wanted, "name").is_empty()
        {
            return refuse("node requested token not bound to a pod".to_owned());
        }
        if text(wanted, "uid").is_empty() {
            return refuse("node requested token with a pod binding without a uid".to_owned());
        }
        let pod_name = text(wanted, "name");
        let pod = objects.get(self.pods, namespace, pod_name).ok_or_else(|| Status::not_found(self.pods, pod_name))?;
        if text(wanted, "uid") != text(&pod["metadata"], "uid") {
            return refuse(format!(
                "the UID in the bound object reference ({}) does not match the UID in record",
                text(wanted, "uid")
            ));
        }
        if text(&pod["spec"], "nodeName") != node {
            return refuse("node requested token bound to a pod scheduled on a different node".to_owned());
        }
        Ok(())
    }
}

/// The name that a request has is that of its URL; its namespace has been looked at before.
fn check_name(request: &Value, name: &str) -> Result<(), Status> {
    let given = text(&request["metadata"], "name");
    if given.is_empty() || given == name {
        return Ok(());
    }
    let error = FieldError::invalid("metadata.name", &given.into(), "must match the service account name if specified");
    Err(Status::invalid_kind(GROUP, "TokenRequest", name, &[error]))
}

/// Upstream's ValidateTokenRequest. Pure.
pub(super) fn validate(spec: &Value) -> Vec<FieldError> {
    let seconds = spec["expirationSeconds"].as_i64().unwrap_or(DEFAULT_SECONDS);
    let field = "spec.expirationSeconds";
    if seconds < SECONDS_MIN {
        return vec![FieldError::invalid(field, &seconds.into(), "may not specify a duration less than 10 minutes")];
    }
    if seconds > SECONDS_MAX {
        return vec![FieldError::invalid(
            field,
            &seconds.into(),
            "may not specify a duration larger than 2^32 seconds",
        )];
    }
    Vec::new()
}

#[async_trait]
impl Service for TokenRequest {
    async fn handle(&self, mut call: Call) -> Result<Response<Body>, Status> {
        let mut request = call.read().await?;
        let (namespace, name) = (call.info.namespace.clone(), call.info.name.clone());
        check_name(&request, &name)?;
        let objects = &call.objects;
        let account =
            objects.get(self.accounts, &namespace, &name).ok_or_else(|| Status::not_found(self.accounts, &name))?;
        let errors = validate(&request["spec"]);
        if !errors.is_empty() {
            return Err(Status::invalid_kind(GROUP, "TokenRequest", "", &errors));
        }
        self.check_node(objects, &call.identity, &namespace, &name, &request["spec"])?;
        let bound = self.bound(objects, &namespace, &name, &request["spec"]["boundObjectRef"])?;
        let listed = request["spec"]["audiences"].as_array().into_iter().flatten();
        let mut audiences: Vec<String> = listed.filter_map(Value::as_str).map(str::to_owned).collect();
        if audiences.is_empty() {
            audiences = self.tokens.audiences().to_vec();
        }
        let seconds = request["spec"]["expirationSeconds"].as_i64().unwrap_or(DEFAULT_SECONDS);
        let (token, end) = self.tokens.issue(&account, &bound, &audiences, seconds);
        request["apiVersion"] = "authentication.k8s.io/v1".into();
        request["kind"] = "TokenRequest".into();
        request["metadata"] =
            json!({"name": name, "namespace": namespace, "creationTimestamp": timestamp(objects.env().now())});
        request["spec"]["audiences"] = audiences.into();
        request["spec"]["expirationSeconds"] = seconds.into();
        request["status"] = json!({"token": token, "expirationTimestamp": timestamp(end)});
        answer::object(&call, StatusCode::CREATED, &request)
    }
}

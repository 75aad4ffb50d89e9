//! Watches signing requests and takes each as far as it may go.

use std::sync::Arc;

use api::kind::Kind;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{reserved::Reserved, rules};
use crate::access::Authorize;
use crate::identity::Identity;
use crate::objects::{self, Objects, timestamp};
use crate::pki::{KeyBundle, SigningRequest};
use crate::request::RequestInfo;
use crate::rows::row;

/// Upstream's --cluster-signing-duration.
const LIFE_SECONDS: i64 = 365 * 24 * 3600;
const LIFE_SECONDS_MIN: i64 = 600;

/// Approves and signs.
pub struct Signer {
    objects: Objects,
    keys: KeyBundle,
    authorizer: Arc<dyn Authorize>,
    reserved: Reserved,
    requests: &'static Kind,
    nodes: &'static Kind,
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

fn has(request: &Value, condition: &str) -> bool {
    let mut conditions = request["status"]["conditions"].as_array().into_iter().flatten();
    conditions.any(|have| have["type"] == condition && have["status"] != "False")
}

impl Signer {
    pub fn new(objects: Objects, keys: KeyBundle, authorizer: Arc<dyn Authorize>, reserved: Reserved) -> Self {
        let requests = row("certificates.k8s.io", "v1", "certificatesigningrequests");
        Self { objects, keys, authorizer, reserved, requests, nodes: row("", "v1", "nodes") }
    }

    /// Works until the server ends.
    pub async fn run(self, shutdown: CancellationToken) {
        let prefix = objects::prefix(self.requests, "");
        while !shutdown.is_cancelled() {
            let snapshot = self.objects.snapshot();
            let Ok(mut cursor) = self.objects.store.watch(&prefix, snapshot.revision()) else { continue };
            let present: Vec<Value> = snapshot.range(&prefix).map(|item| objects::parse(item)).collect();
            drop(snapshot);
            for request in present {
                self.advance(request).await;
            }
            // A cursor that was left behind begins anew from a snapshot.
            loop {
                let event = tokio::select! {
                    event = cursor.next() => event,
                    () = shutdown.cancelled() => return,
                };
                let Ok(event) = event else { break };
                if let Some(item) = &event.current {
                    self.advance(objects::parse(item)).await;
                }
            }
        }
    }

    /// One step; the write that it makes shows up here again.
    pub(super) async fn advance(&self, request: Value) {
        let name = text(&request["metadata"], "name").to_owned();
        let Some(next) = self.next(request) else { return };
        match self.objects.update(self.requests, next).await {
            Ok(_) => {}
            // Somebody else wrote it: that state comes by as well.
            Err(status) if status.reason == "Conflict" => {}
            Err(status) => tracing::warn!(name, %status, "a signing request could not be updated"),
        }
    }

    /// The request's next state; `None`: it stays.
    fn next(&self, mut request: Value) -> Option<Value> {
        let done =
            !text(&request["status"], "certificate").is_empty() || has(&request, "Denied") || has(&request, "Failed");
        if done {
            return None;
        }
        let spec = request["spec"].clone();
        let asked = decode(&spec);
        let signer = text(&spec, "signerName");
        let verdict = match &asked {
            Ok(asked) => rules::check(signer, asked, &spec)?.map_err(str::to_owned),
            Err(why) => Err(why.clone()),
        };
        let approved = has(&request, "Approved");
        match (asked, verdict, approved) {
            (Ok(asked), Ok(()), true) => self.sign(&mut request, &asked, signer)?,
            (Ok(asked), Ok(()), false) => match self.approval(signer, &asked, &spec)? {
                Ok(message) => self.add_condition(&mut request, "Approved", "AutoApproved", &message),
                Err(why) => self.add_condition(&mut request, "Denied", "AutoDenied", &why),
            },
            (_, Err(why), true) => self.add_condition(&mut request, "Failed", "SignerValidationFailure", &why),
            _ => return None,
        }
        Some(request)
    }

    /// Why a request is approved or denied without a person; `None`: it waits for one.
    fn approval(&self, signer: &str, asked: &SigningRequest, spec: &Value) -> Option<Result<String, String>> {
        match signer {
            rules::NODE_CLIENT => {
                let right = rules::approval_right(asked, spec);
                let own = if right == "selfnodeclient" { "self " } else { "" };
                self.may(spec, right)
                    .then(|| Ok(format!("Auto approving {own}kubelet client certificate after SubjectAccessReview.")))
            }
            rules::NODE_SERVING => {
                let nodes = self.objects.list(self.nodes, "");
                let name = asked.common_name.strip_prefix("system:node:")?;
                let (own, others): (Vec<&Value>, _) = nodes.iter().partition(|node| node["metadata"]["name"] == name);
                let is_anothers = |address| others.iter().any(|node| rules::addresses(node).any(|has| has == address));
                let verdict = rules::serves_as_itself(asked, spec, own.first()?, &self.reserved, is_anothers)?;
                Some(
                    verdict.map(|()| "Auto approving kubelet serving certificate for the node's own names.".to_owned()),
                )
            }
            _ => None,
        }
    }

    fn may(&self, spec: &Value, subresource: &str) -> bool {
        let groups =
            spec["groups"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        let identity = Identity {
            name: text(spec, "username").to_owned(),
            uid: text(spec, "uid").to_owned(),
            groups,
            ..Identity::default()
        };
        let info = RequestInfo {
            is_resource: true,
            verb: "create".to_owned(),
            api_group: "certificates.k8s.io".to_owned(),
            api_version: "*".to_owned(),
            resource: "certificatesigningrequests".to_owned(),
            subresource: subresource.to_owned(),
            ..RequestInfo::default()
        };
        self.authorizer.authorize(&identity, &info).allowed()
    }

    fn sign(&self, request: &mut Value, asked: &SigningRequest, signer: &str) -> Option<()> {
        let spec = &request["spec"];
        let usages = match rules::usages(spec) {
            Ok(usages) => usages,
            Err(why) => {
                self.add_condition(request, "Failed", "SignerValidationFailure", &why);
                return Some(());
            }
        };
        let seconds = spec["expirationSeconds"].as_i64().unwrap_or(LIFE_SECONDS).clamp(LIFE_SECONDS_MIN, LIFE_SECONDS);
        let env = self.objects.env();
        let end = env.now() + SignedDuration::from_secs(seconds);
        let authority = match signer {
            rules::NODE_SERVING => &self.keys.server_authority,
            _ => &self.keys.client_authority,
        };
        let certificate = asked.sign(authority, &usages, end, env);
        request["status"]["certificate"] = STANDARD.encode(certificate).into();
        Some(())
    }

    fn add_condition(&self, request: &mut Value, kind: &str, reason: &str, message: &str) {
        let now = timestamp(self.objects.env().now());
        let condition = json!({
            "type": kind, "status": "True", "reason": reason, "message": message, "lastUpdateTime": now, "lastTransitionTime": now,
        });
        let status = &mut request["status"];
        match status.get_mut("conditions").and_then(Value::as_array_mut) {
            Some(conditions) => conditions.push(condition),
            None => status["conditions"] = json!([condition]),
        }
    }
}

fn decode(spec: &Value) -> Result<SigningRequest, String> {
    let bytes = STANDARD.decode(text(spec, "request")).map_err(|error| format!("spec.request: {error}"))?;
    SigningRequest::from_pem(&String::from_utf8_lossy(&bytes)).map_err(|error| error.to_string())
}

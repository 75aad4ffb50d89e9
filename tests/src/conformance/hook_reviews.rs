//! What webhooks answer, and the configurations that call them, only for what the check itself makes.

use base64::Engine;
use serde_json::{Value, json};

use super::ctx::Ctx;
use super::hook::{Asked, Hook, Reply};

fn review(asked: &Asked, mut response: Value) -> Reply {
    response["uid"] = asked.body["request"]["uid"].clone();
    Reply::json(json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}))
}

pub fn allow(asked: &Asked) -> Reply {
    review(asked, json!({"allowed": true}))
}

pub fn deny(asked: &Asked, message: &str) -> Reply {
    review(asked, json!({"allowed": false, "status": {"message": message}}))
}

/// Allows with a JSON patch.
pub fn mutate(asked: &Asked, patch: &Value) -> Reply {
    let patch = base64::engine::general_purpose::STANDARD.encode(patch.to_string());
    review(asked, json!({"allowed": true, "patchType": "JSONPatch", "patch": patch}))
}

/// Adds a key to a ConfigMap's data.
pub fn add_key(asked: &Asked, key: &str) -> Reply {
    let patch = match asked.body["request"]["object"]["data"].is_object() {
        true => json!([{"op": "add", "path": format!("/data/{key}"), "value": "value"}]),
        false => json!([{"op": "add", "path": "/data", "value": {key: "value"}}]),
    };
    mutate(asked, &patch)
}

/// Which requests of one group a webhook is for.
pub fn rule(group_version: (&str, &str), resources: &[&str], operations: &[&str]) -> Value {
    let (group, version) = group_version;
    json!({"apiGroups": [group], "apiVersions": [version], "resources": resources, "operations": operations})
}

/// A webhook that the check's namespace alone has.
pub fn webhook(ctx: &Ctx, hook: &Hook, path: &str, rules: Value) -> Value {
    json!({
        "name": format!("{}.{}.example.com", path.trim_start_matches('/'), ctx.tag), "clientConfig": hook.client_config(path),
        "rules": rules, "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Fail", "timeoutSeconds": 10,
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": ctx.ns}},
    })
}

/// As [`webhook`], for objects outside of namespaces: those with the check's label.
pub fn cluster_webhook(ctx: &Ctx, hook: &Hook, path: &str, rules: Value) -> Value {
    let mut webhook = webhook(ctx, hook, path, rules);
    webhook["namespaceSelector"] = json!({});
    webhook["objectSelector"] = json!({"matchLabels": {"conformance": ctx.tag}});
    webhook
}

pub fn configuration(name: &str, webhooks: Value) -> Value {
    json!({"metadata": {"name": name}, "webhooks": webhooks})
}

//! Requests for certificates: of users and of Pods.

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};

use super::super::ctx::Ctx;
use super::super::expect::has;
use super::super::lifecycle::{self, Kind};
use super::checks;

checks! {
    "csr-crud" => requests;
    "pcr-crud" => pod_requests;
}

fn signed_request() -> rcgen::CertificateSigningRequest {
    let key = KeyPair::generate().expect("a P-256 key can be made");
    let params = CertificateParams::new(vec!["conformance.example.com".to_owned()]).expect("it is a DNS name");
    params.serialize_request(&key).expect("a request can be signed")
}

const REQUEST: Kind = Kind {
    group_version: "certificates.k8s.io/v1",
    plural: "certificatesigningrequests",
    namespaced: false,
    body: |ctx, at| {
        let request = STANDARD.encode(REQUESTS.with(|all| all[at % all.len()].clone()));
        json!({"spec": {
            "request": request, "signerName": format!("{}.example.com/signer", ctx.tag), "expirationSeconds": 3600,
            "usages": ["digital signature", "key encipherment", "server auth"],
        }})
    },
    status: Some([
        || {
            let annotations = json!({"patchedstatus": "true"});
            json!({"metadata": {"annotations": annotations}, "status": {"conditions": [condition("StatusUpdate", "Patched")]}})
        },
        || json!({"status": {"conditions": [condition("StatusUpdate", "Updated")]}}),
    ]),
    name: None,
};

thread_local! {
    /// The same request for the same object, whenever its body is asked for.
    static REQUESTS: Vec<String> =
        (0..10).map(|_| signed_request().pem().expect("a request can be written as PEM")).collect();
    static POD_REQUEST: String = STANDARD.encode(signed_request().der());
}

fn condition(kind: &str, reason: &str) -> Value {
    json!({"type": kind, "status": "True", "reason": reason, "message": "set by a check"})
}

async fn requests(ctx: &Ctx) -> Result<()> {
    let all = ctx.everywhere("certificates.k8s.io/v1", "certificatesigningrequests");
    let name = ctx.unique("approved");
    let mut body = (REQUEST.body)(ctx, 9);
    body["metadata"] = json!({"name": name});
    ctx.create_outside(&all, body).await?;
    let part = format!("{name}/approval");
    has(&all.get(&part).await.context("get /approval")?, &json!({"metadata": {"name": name}}))?;
    let patch = json!({"status": {"conditions": [condition("ApprovalPatch", "Patched")]}});
    has(&all.merge(&part, patch.clone()).await.context("patch /approval")?, &patch)?;
    let approved = condition("Approved", "Conformance");
    let change = |it: &mut Value| super::super::pods::push(&mut it["status"]["conditions"], approved.clone());
    all.edit(&part, change).await.context("update /approval")?;
    has(&all.get(&name).await?, &json!({"status": {"conditions": [condition("Approved", "Conformance")]}}))?;
    lifecycle::lifecycle(ctx, &REQUEST).await
}

const POD_REQUESTS: Kind = Kind {
    group_version: "certificates.k8s.io/v1",
    plural: "podcertificaterequests",
    namespaced: true,
    body: |ctx, _| {
        json!({"spec": {
            "signerName": format!("{}.example.com/signer", ctx.tag), "podName": "pod", "podUID": "12345678-1234-1234-1234-123456789012",
            "serviceAccountName": "default", "serviceAccountUID": "12345678-1234-1234-1234-123456789013", "nodeName": "node",
            "nodeUID": "12345678-1234-1234-1234-123456789014", "maxExpirationSeconds": 86400, "stubPKCS10Request": POD_REQUEST.with(String::clone),
        }})
    },
    status: None,
    name: None,
};

async fn pod_requests(ctx: &Ctx) -> Result<()> {
    let all = ctx.here("certificates.k8s.io/v1", "podcertificaterequests");
    let timed = |kind: &str| {
        let mut condition = condition(kind, "Conformance");
        condition["lastTransitionTime"] = json!("2024-01-02T03:04:05Z");
        json!({"status": {"conditions": [condition]}})
    };
    for (name, kind) in [("patched", "Denied"), ("updated", "Failed")] {
        let mut body = (POD_REQUESTS.body)(ctx, 0);
        body["metadata"] = json!({"name": name});
        all.create(body).await.context("create")?;
        let part = format!("{name}/status");
        has(&all.get(&part).await.context("get /status")?, &json!({"metadata": {"name": name}}))?;
        let answer = match name {
            "patched" => all.merge(&part, timed(kind)).await.context("patch /status"),
            _ => all.edit(&part, |it| it["status"] = timed(kind)["status"].clone()).await.context("update /status"),
        };
        has(&answer?, &timed(kind))?;
        has(&all.get(name).await?, &timed(kind)).context("the status stays")?;
    }
    let document = ctx.api.get("/apis/certificates.k8s.io/v1").await?;
    let listed = document["resources"].as_array().into_iter().flatten();
    let status = listed.into_iter().any(|it| it["name"] == "podcertificaterequests/status");
    anyhow::ensure!(status, "podcertificaterequests/status is not in discovery");
    lifecycle::with_every_patch(ctx, &POD_REQUESTS).await
}

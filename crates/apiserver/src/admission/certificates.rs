//! CertificateApproval, CertificateSigning, ClusterTrustBundleAttest, CertificateSubjectRestriction: who may approve, sign and name trust
//! anchors for which signer, and that nobody gets system:masters by a certificate.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::access::Authorize;
use crate::admit::{AdmissionRequest, Admit, Operation};
use crate::authz::only_collects_garbage;
use crate::identity::Identity;
use crate::pki::SigningRequest;
use crate::request::RequestInfo;
use crate::status::Status;

const GROUP: &str = "certificates.k8s.io";
const CLIENT_SIGNER: &str = "kubernetes.io/kube-apiserver-client";

fn concerns(request: &AdmissionRequest<'_>, operation: Operation, subresource: &str) -> bool {
    request.kind.group == GROUP
        && request.kind.plural == "certificatesigningrequests"
        && request.operation == operation
        && request.subresource == subresource
}

/// Whether `verb` is allowed on the signer, by its name or for its whole domain.
fn may(authorizer: &dyn Authorize, identity: &Identity, verb: &str, signer: &str) -> bool {
    let domain = signer.split_once('/').map(|(domain, _)| format!("{domain}/*"));
    [Some(signer.to_owned()), domain].into_iter().flatten().any(|name| {
        let info = RequestInfo {
            is_resource: true,
            verb: verb.to_owned(),
            api_group: GROUP.to_owned(),
            api_version: "*".to_owned(),
            resource: "signers".to_owned(),
            name,
            ..RequestInfo::default()
        };
        authorizer.authorize(identity, &info).allowed()
    })
}

fn signer<'a>(request: &'a AdmissionRequest<'_>) -> &'a str {
    request.old.and_then(|old| old["spec"]["signerName"].as_str()).unwrap_or_default()
}

fn refuse(request: &AdmissionRequest<'_>, verb: &str, signer: &str) -> Status {
    let why = format!("user not permitted to {verb} requests with signerName {signer:?}");
    Status::forbidden(request.kind, request.name, &why)
}

pub struct CertificateApproval(pub Arc<dyn Authorize>);

#[async_trait]
impl Admit for CertificateApproval {
    fn name(&self) -> &'static str {
        "CertificateApproval"
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        if !concerns(request, Operation::Update, "approval") {
            return Ok(());
        }
        let signer = signer(request);
        if may(&*self.0, request.identity, "approve", signer) {
            Ok(())
        } else {
            Err(refuse(request, "approve", signer))
        }
    }
}

pub struct CertificateSigning(pub Arc<dyn Authorize>);

#[async_trait]
impl Admit for CertificateSigning {
    fn name(&self) -> &'static str {
        "CertificateSigning"
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        if !concerns(request, Operation::Update, "status") {
            return Ok(());
        }
        let failed = |object: &Value| -> Vec<Value> {
            let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
            conditions.filter(|condition| condition["type"] == "Failed").cloned().collect()
        };
        let untouched = request.old.is_some_and(|old| {
            old["status"]["certificate"] == request.object["status"]["certificate"]
                && failed(old) == failed(&request.object)
        });
        let signer = signer(request);
        if untouched || may(&*self.0, request.identity, "sign", signer) {
            Ok(())
        } else {
            Err(refuse(request, "sign", signer))
        }
    }
}

pub struct ClusterTrustBundleAttest(pub Arc<dyn Authorize>);

#[async_trait]
impl Admit for ClusterTrustBundleAttest {
    fn name(&self) -> &'static str {
        "ClusterTrustBundleAttest"
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let bundle = request.kind.group == GROUP && request.kind.plural == "clustertrustbundles";
        if !bundle || !matches!(request.operation, Operation::Create | Operation::Update) {
            return Ok(());
        }
        // The new one's, unlike a request's: an update that changes it is invalid anyway.
        let signer = request.object["spec"]["signerName"].as_str().unwrap_or_default();
        let collected = request.old.is_some_and(|old| only_collects_garbage(&request.object, old));
        if signer.is_empty() || collected || may(&*self.0, request.identity, "attest", signer) {
            return Ok(());
        }
        let why = format!("user not permitted to attest for signerName {signer:?}");
        Err(Status::forbidden(request.kind, request.name, &why))
    }
}

pub struct CertificateSubjectRestriction;

#[async_trait]
impl Admit for CertificateSubjectRestriction {
    fn name(&self) -> &'static str {
        "CertificateSubjectRestriction"
    }

    async fn validate(&self, request: &AdmissionRequest<'_>) -> Result<(), Status> {
        let spec = &request.object["spec"];
        if !concerns(request, Operation::Create, "") || spec["signerName"] != CLIENT_SIGNER {
            return Ok(());
        }
        let refuse = |why: &str| Status::forbidden(request.kind, request.name, why);
        let bytes = STANDARD.decode(spec["request"].as_str().unwrap_or_default());
        let bytes = bytes.map_err(|error| refuse(&format!("failed to parse CSR: {error}")))?;
        let asked = SigningRequest::from_pem(&String::from_utf8_lossy(&bytes));
        let asked = asked.map_err(|error| refuse(&format!("failed to parse CSR: {error}")))?;
        if asked.organizations.iter().any(|group| group == "system:masters") {
            return Err(refuse(
                "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed",
            ));
        }
        Ok(())
    }
}

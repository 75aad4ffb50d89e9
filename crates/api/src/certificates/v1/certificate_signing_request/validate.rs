//! Validation of CertificateSigningRequests (pkg/apis/certificates/validation): signer, usages, conditions, and that the request is one
//! in PEM. What the request says is read by who signs it.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::field::{self, Field};
use crate::field_error::FieldError;
use crate::kind::WriteContext;
use crate::names;
use crate::tree::{items, text};

const SECONDS_MIN: i64 = 600;
const BEGIN: &str = "-----BEGIN ";
/// Conditions that are true or absent, and never leave.
const FINAL: [&str; 3] = ["Approved", "Denied", "Failed"];
const USAGES: [&str; 23] = [
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
];

pub(super) fn request(request: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(request, |request| {
        let spec = request.get("spec");
        let pem = spec.get("request");
        if !is_request(pem.text()) {
            pem.invalid_value(pem.value, "PEM block type must be CERTIFICATE REQUEST");
        }
        usages(&spec.get("usages"));
        let signer = spec.get("signerName");
        if signer.text() == "kubernetes.io/legacy-unknown" {
            signer.invalid("the legacy signerName is not allowed via this API version");
        } else {
            self::signer(&signer);
        }
        let seconds = spec.get("expirationSeconds");
        if seconds.int().is_some_and(|seconds| seconds < SECONDS_MIN) {
            seconds.invalid("may not specify a duration less than 600 seconds (10 minutes)");
        }
        let status = request.get("status");
        conditions(&status.get("conditions"));
    })
}

/// The first block of the PEM text is a request.
fn is_request(encoded: &str) -> bool {
    let bytes = STANDARD.decode(encoded).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    text.split_once(BEGIN).is_some_and(|(_, block)| block.starts_with("CERTIFICATE REQUEST-----"))
}

fn usages(usages: &Field) {
    if usages.len() == 0 {
        usages.required("");
    }
    let mut seen = HashSet::new();
    for usage in usages.items() {
        usage.one_of(&USAGES);
        if !seen.insert(usage.text()) {
            usage.duplicate();
        }
    }
}

/// A domain of at least two labels and a path of one part.
fn signer(signer: &Field) {
    if signer.text().is_empty() {
        return signer.required("");
    }
    let parts: Vec<&str> = signer.text().split('/').collect();
    let [domain, path] = parts[..] else {
        return signer.invalid("must be a fully qualified domain and path of the form 'example.com/signer-name'");
    };
    let refuse = |whole: &str, label: &str, why: &str| {
        signer.invalid_value(&whole.into(), &format!("validating label {label:?}: {why}"));
    };
    for label in domain.split('.') {
        names::dns1123_label(label).iter().for_each(|why| refuse(domain, label, why));
    }
    if !domain.contains('.') {
        signer.invalid_value(&domain.into(), "should be a domain with at least two segments separated by dots");
    }
    for part in path.split('.') {
        names::dns1123_subdomain(part).iter().for_each(|why| refuse(path, part, why));
    }
}

fn conditions(conditions: &Field) {
    let mut seen = HashSet::new();
    for condition in conditions.items() {
        let (kind, status) = (condition.get("type"), condition.get("status"));
        if kind.text().is_empty() {
            kind.required("");
        }
        let allowed: &[&str] = if FINAL.contains(&kind.text()) { &["True"] } else { &["False", "True", "Unknown"] };
        status.require_one_of(allowed);
        if !seen.insert(text(condition.value, "type")) {
            kind.duplicate();
        }
    }
    if ["Approved", "Denied"].iter().all(|kind| seen.contains(kind)) {
        let names = ["Approved", "Denied"].map(|kind| format!("conditions[{{\"type\": {kind:?}}}]"));
        let why = format!("must specify at most one of: `{}`, `{}`", names[0], names[1]);
        conditions.invalid_value(&format!("{{{}}}", names.join(", ")).into(), &why);
    }
}

/// A verdict is given through the approval alone, and stays; so does a certificate.
pub(super) fn update(new: &Value, old: &Value, context: &WriteContext) -> Vec<FieldError> {
    let has = |request, kind: &str| items(request, "status.conditions").iter().any(|own| text(own, "type") == kind);
    field::validate(new, |request| {
        let status = request.get("status");
        let conditions = status.get("conditions");
        for kind in FINAL.into_iter().filter(|kind| has(old, kind) && !has(new, kind)) {
            conditions.forbidden(&format!("updates may not remove a condition of type {kind:?}"));
        }
        let verdicts = ["Approved", "Denied"].into_iter().filter(|_| context.subresource != "approval");
        for kind in verdicts.filter(|kind| has(new, kind) && !has(old, kind)) {
            conditions.forbidden(&format!("updates may not add a condition of type {kind:?}"));
        }
        let (certificate, before) = (status.get("certificate"), text(old, "status.certificate"));
        if !before.is_empty() && certificate.text() != before {
            certificate.forbidden("updates may not modify existing certificate content");
        }
    })
}

//! Deletes CertificateSigningRequests that are of no more use: answered an hour ago, never answered for a day, or with a
//! certificate that has expired. Approving and signing are the API server's, which keeps the authorities' keys.

use std::time::Duration;

use client::Lister;
use client::ObjectKey;
use client::runtime::{Controller, Plan};
use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;

use crate::Context;
use crate::numbers::remaining;

#[cfg(test)]
mod tests;

const ANSWERED_SECONDS: i64 = 3600;
const PENDING_SECONDS: i64 = 24 * 3600;

pub async fn run(context: Context) {
    let name = "certificatesigningrequest-cleaner-controller";
    let mut controller = Controller::new(name, &context.informers, context.client.clone());
    let requests: Lister<CertificateSigningRequest> = controller.own();
    controller.run(move |key, attempt| plan(&requests, key, attempt.now)).await;
}

fn plan(requests: &Lister<CertificateSigningRequest>, key: &ObjectKey, now: Timestamp) -> Plan {
    let mut plan = Plan::new();
    let Some(request) = requests.get(key) else { return plan };
    match until_useless(&request, now) {
        Some(Duration::ZERO) => plan.delete(&*request, None),
        Some(wait) => plan.requeue_after(wait),
        None => {}
    }
    plan
}

/// `None`: not as long as it stays as it is (approved, still to be signed).
fn until_useless(request: &CertificateSigningRequest, now: Timestamp) -> Option<Duration> {
    let status = request.status.clone().unwrap_or_default();
    let conditions = status.conditions.unwrap_or_default();
    if conditions.is_empty() {
        return request.metadata.creation_timestamp.as_ref().map(|time| remaining(time.0, PENDING_SECONDS, now));
    }
    let certificate = status.certificate.map(|bytes| bytes.0).filter(|bytes| !bytes.is_empty());
    let is_answer = |kind: &str| matches!(kind, "Denied" | "Failed") || (kind == "Approved" && certificate.is_some());
    let answers = conditions.iter().filter(|condition| is_answer(&condition.type_));
    let deadlines = answers.filter_map(|condition| condition.last_update_time.as_ref());
    let deadlines = deadlines.map(|time| remaining(time.0, ANSWERED_SECONDS, now));
    let is_approved = conditions.iter().any(|condition| condition.type_ == "Approved");
    let end = certificate.as_deref().filter(|_| is_approved).and_then(not_after);
    deadlines.chain(end.map(|end| remaining(end, 0, now))).min()
}

/// When a certificate ends; what cannot be read has no end.
fn not_after(pem: &[u8]) -> Option<Timestamp> {
    let (_, block) = x509_parser::pem::parse_x509_pem(pem).ok()?;
    let certificate = block.parse_x509().ok()?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}

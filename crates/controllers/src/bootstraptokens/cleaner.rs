//! Deletes tokens whose expiration has passed.

use client::runtime::Plan;
use client::{Lister, ObjectKey};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;

use super::token;

pub fn plan(secrets: &Lister<Secret>, key: &ObjectKey, now: Timestamp) -> Plan {
    let mut plan = Plan::new();
    let Some(secret) = secrets.get(key).filter(|secret| token::is_token(secret)) else { return plan };
    match token::lasts(&secret, now) {
        Some(left) if left.is_zero() => plan.delete(&*secret, None),
        Some(left) => plan.requeue_after(left),
        None => {}
    }
    plan
}

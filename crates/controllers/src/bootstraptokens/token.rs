//! A bootstrap token as its Secret holds it.

use std::time::Duration;

use client::Object;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;

pub const NAMESPACE: &str = "kube-system";
pub const SECRET_TYPE: &str = "bootstrap.kubernetes.io/token";
const NAME_PREFIX: &str = "bootstrap-token-";

/// A value of the Secret; what is no text counts as missing.
fn data(secret: &Secret, key: &str) -> String {
    let bytes = secret.data.as_ref().and_then(|data| data.get(key));
    bytes.and_then(|bytes| String::from_utf8(bytes.0.clone()).ok()).unwrap_or_default()
}

pub fn is_token(secret: &Secret) -> bool {
    secret.type_.as_deref() == Some(SECRET_TYPE) && secret.namespace() == NAMESPACE
}

/// How long the token lasts; `None`: for ever. A time that cannot be read has passed.
pub fn lasts(secret: &Secret, now: Timestamp) -> Option<Duration> {
    let end = data(secret, "expiration");
    if end.is_empty() {
        return None;
    }
    let left = end.parse::<Timestamp>().ok().and_then(|end| Duration::try_from(end.duration_since(now)).ok());
    Some(left.unwrap_or_default())
}

/// The id and the secret of a token that may sign: well named, complete, not expired, meant for it.
pub fn for_signing(secret: &Secret, now: Timestamp) -> Option<(String, String)> {
    let (id, key) = (data(secret, "token-id"), data(secret, "token-secret"));
    let is_plain = id.len() == 6 && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let is_named = secret.name().strip_prefix(NAME_PREFIX) == Some(&id);
    let is_meant = data(secret, "usage-bootstrap-signing") == "true";
    let is_expired = lasts(secret, now).is_some_and(|left| left.is_zero());
    (is_token(secret) && is_plain && is_named && is_meant && !key.is_empty() && !is_expired).then_some((id, key))
}

//! Bootstrap tokens (`abcdef.0123456789abcdef`): Secrets bootstrap-token-* in kube-system, with which machines ask for their first certificate.

use api::kind::Kind;
use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use serde_json::Value;

use crate::constant_time;
use crate::identity::{AuthError, Authenticate, Identity, Reviewed};
use crate::objects::Objects;
use crate::rows::row;

const NAMESPACE: &str = "kube-system";
const SECRET_TYPE: &str = "bootstrap.kubernetes.io/token";
const GROUP_PREFIX: &str = "system:bootstrappers:";

/// Authenticates by bootstrap token.
pub struct BootstrapTokens {
    objects: Objects,
    secrets: &'static Kind,
}

impl BootstrapTokens {
    pub fn new(objects: Objects) -> Self {
        Self { objects, secrets: row("", "v1", "secrets") }
    }

    /// The identity behind `id.secret`; `None`: no such token, or not usable.
    pub fn find(&self, token: &str) -> Option<Identity> {
        let (id, secret) = parts(token)?;
        let stored = self.objects.get(self.secrets, NAMESPACE, &format!("bootstrap-token-{id}"))?;
        let usable = stored["type"] == SECRET_TYPE && stored["metadata"]["deletionTimestamp"].is_null();
        let text = |key: &str| data(&stored, key).unwrap_or_default();
        let same = text("token-id") == id && constant_time::equal(text("token-secret").as_bytes(), secret.as_bytes());
        let expired = match text("expiration").as_str() {
            "" => false,
            end => end.parse::<jiff::Timestamp>().map_or(true, |end| end <= self.objects.env().now()),
        };
        if !usable || !same || expired || text("usage-bootstrap-authentication") != "true" {
            return None;
        }
        let mut groups = vec!["system:bootstrappers".to_owned()];
        let extra = text("auth-extra-groups");
        // Only groups of the prefix may be given away by a Secret.
        if extra.split(',').any(|group| !group.is_empty() && !group.trim().starts_with(GROUP_PREFIX)) {
            return None;
        }
        groups.extend(extra.split(',').map(str::trim).filter(|group| !group.is_empty()).map(str::to_owned));
        groups.push("system:authenticated".to_owned());
        Some(Identity { name: format!("system:bootstrap:{id}"), groups, ..Identity::default() })
    }
}

/// `[a-z0-9]{6}.[a-z0-9]{16}`
fn parts(token: &str) -> Option<(&str, &str)> {
    let (id, secret) = token.split_once('.')?;
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    (id.len() == 6 && secret.len() == 16 && plain(id) && plain(secret)).then_some((id, secret))
}

fn data(secret: &Value, key: &str) -> Option<String> {
    // A value that is no base64 or no text is no value of a token.
    let bytes = STANDARD.decode(secret["data"][key].as_str()?).ok()?;
    String::from_utf8(bytes).ok()
}

#[async_trait]
impl Authenticate for BootstrapTokens {
    async fn authenticate(
        &self,
        request: &http::request::Parts,
        _: &[CertificateDer<'static>],
    ) -> Result<Option<Identity>, AuthError> {
        let token = super::union::bearer(request).filter(|token| parts(token).is_some());
        Ok(token.and_then(|token| self.find(token)))
    }

    async fn review(&self, token: &str, _: &[String]) -> Result<Option<Reviewed>, AuthError> {
        Ok(self.find(token).map(|identity| Reviewed { identity, audiences: None }))
    }
}

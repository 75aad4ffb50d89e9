//! The server token as a credential: whoever has it may join as a node, that is ask for a node's certificate and nothing more.

use async_trait::async_trait;
use rustls::pki_types::CertificateDer;

use crate::identity::{AuthError, Authenticate, Identity};
use crate::pki::ServerToken;

/// Authenticates agents that join.
pub struct ServerTokens {
    token: ServerToken,
}

impl ServerTokens {
    pub fn new(token: ServerToken) -> Self {
        Self { token }
    }
}

#[async_trait]
impl Authenticate for ServerTokens {
    async fn authenticate(
        &self,
        parts: &http::request::Parts,
        _: &[CertificateDer<'static>],
    ) -> Result<Option<Identity>, AuthError> {
        let Some(given) = super::union::bearer(parts) else { return Ok(None) };
        // What is no token of ours is another authenticator's.
        let ours = ServerToken::parse(given).is_ok_and(|given| self.token.matches(&given.secret));
        Ok(ours.then(|| Identity::new("system:bootstrap:server", &["system:bootstrappers", "system:authenticated"])))
    }
}

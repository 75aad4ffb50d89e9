//! The server token as a credential: whoever has it may join as a node, that is ask for a node's certificate and nothing more.

use async_trait::async_trait;
use rustls::pki_types::CertificateDer;

use crate::identity::{AuthError, Authenticate, Identity, Reviewed};
use crate::pki::ServerToken;

/// Authenticates agents that join.
pub struct ServerTokens {
    token: ServerToken,
}

impl ServerTokens {
    pub fn new(token: ServerToken) -> Self {
        Self { token }
    }

    fn find(&self, given: &str) -> Option<Identity> {
        // What is no token of ours is another authenticator's.
        let ours = ServerToken::parse(given).is_ok_and(|given| self.token.matches(&given.secret));
        ours.then(|| Identity::new("system:bootstrap:server", &["system:bootstrappers", "system:authenticated"]))
    }
}

#[async_trait]
impl Authenticate for ServerTokens {
    async fn authenticate(
        &self,
        parts: &http::request::Parts,
        _: &[CertificateDer<'static>],
    ) -> Result<Option<Identity>, AuthError> {
        Ok(super::union::bearer(parts).and_then(|given| self.find(given)))
    }

    async fn review(&self, token: &str, _: &[String]) -> Result<Option<Reviewed>, AuthError> {
        Ok(self.find(token).map(|identity| Reviewed { identity, audiences: None }))
    }
}

//! The chain of authenticators.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use http::header::AUTHORIZATION;
use rustls::pki_types::CertificateDer;
use serde_json::Value;

use super::bootstrap_token::BootstrapTokens;
use super::discovery::{key_set, openid_configuration};
use super::server_token::ServerTokens;
use super::service_account::ServiceAccountTokens;
use super::x509::ClientCertificates;
use crate::identity::{AuthError, Authenticate, Identity, Reviewed};
use crate::objects::Objects;
use crate::pki::{Pki, PkiError};

/// The bearer token of a request: in the header, or in a WebSocket's protocol list.
pub(super) fn bearer(parts: &http::request::Parts) -> Option<&str> {
    let header = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = header.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// The token of `base64url.bearer.authorization.k8s.io.TOKEN`, with which browsers open WebSockets.
fn websocket_bearer(parts: &http::request::Parts) -> Option<String> {
    use base64::Engine;
    const PREFIX: &str = "base64url.bearer.authorization.k8s.io.";
    let lists = parts.headers.get_all("sec-websocket-protocol").iter().filter_map(|value| value.to_str().ok());
    let token = lists.flat_map(|list| list.split(',')).find_map(|protocol| protocol.trim().strip_prefix(PREFIX))?;
    // What does not decode is no token: the request stays anonymous or is refused by what it asks.
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token).ok()?;
    String::from_utf8(bytes).ok()
}

/// Asked in order; the first identity counts. If none is found, the first refusal does.
pub struct Authenticators {
    chain: Vec<Arc<dyn Authenticate>>,
    documents: BTreeMap<&'static str, Value>,
}

impl Authenticators {
    pub fn new(chain: Vec<Arc<dyn Authenticate>>) -> Self {
        Self { chain, documents: BTreeMap::new() }
    }

    /// Shows what verifies `tokens`; `base` is where clients reach this server.
    pub fn publishing(mut self, tokens: &ServiceAccountTokens, base: &str) -> Self {
        let configuration = openid_configuration(tokens.issuer(), base);
        self.documents.insert("/.well-known/openid-configuration", configuration);
        self.documents.insert("/openid/v1/jwks", key_set(tokens.keys()));
        self
    }

    async fn ask(
        &self,
        parts: &http::request::Parts,
        peer: &[CertificateDer<'static>],
    ) -> Result<Option<Identity>, AuthError> {
        let mut refusal = None;
        for authenticator in &self.chain {
            match authenticator.authenticate(parts, peer).await {
                Ok(Some(identity)) => return Ok(Some(identity)),
                Ok(None) => {}
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        match refusal {
            Some(error) => Err(error),
            None if bearer(parts).is_some() => Err(AuthError("nobody knows this token".to_owned())),
            None => Ok(None),
        }
    }
}

#[async_trait]
impl Authenticate for Authenticators {
    async fn authenticate(
        &self,
        parts: &http::request::Parts,
        peer: &[CertificateDer<'static>],
    ) -> Result<Option<Identity>, AuthError> {
        match websocket_bearer(parts) {
            Some(token) if bearer(parts).is_none() => {
                let mut parts = parts.clone();
                let value = format!("Bearer {token}")
                    .parse()
                    .map_err(|_| AuthError("the token is not a header value".to_owned()))?;
                parts.headers.insert(AUTHORIZATION, value);
                self.ask(&parts, peer).await
            }
            _ => self.ask(parts, peer).await,
        }
    }

    async fn review(&self, token: &str, audiences: &[String]) -> Result<Option<Reviewed>, AuthError> {
        let mut refusal = None;
        for authenticator in &self.chain {
            match authenticator.review(token, audiences).await {
                Ok(Some(reviewed)) => return Ok(Some(reviewed)),
                Ok(None) => {}
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        refusal.map_or(Ok(None), Err)
    }

    fn document(&self, path: &str) -> Option<Value> {
        self.documents.get(path).cloned()
    }
}

/// Client certificates, service account tokens, bootstrap tokens.
pub fn standard(pki: &Pki, tokens: Arc<ServiceAccountTokens>, objects: &Objects) -> Result<Authenticators, PkiError> {
    let certificates = ClientCertificates::new(&[&pki.keys.client_authority.certificate], objects.env().clone())?;
    let bootstrap = BootstrapTokens::new(objects.clone());
    Ok(Authenticators::new(vec![
        Arc::new(certificates),
        tokens,
        Arc::new(bootstrap),
        Arc::new(ServerTokens::new(pki.token.clone())),
    ]))
}

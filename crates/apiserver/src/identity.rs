//! Who makes a request, and the seam through which authentication finds out. The finding itself is in `authn`.

use std::collections::BTreeMap;

use async_trait::async_trait;
use rustls::pki_types::CertificateDer;

/// The user behind a request, as upstream's user.Info.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    pub name: String,
    pub uid: String,
    pub groups: Vec<String>,
    pub extra: BTreeMap<String, Vec<String>>,
}

impl Identity {
    /// A user without uid and extra.
    pub fn new(name: impl Into<String>, groups: &[&str]) -> Self {
        Self { name: name.into(), groups: groups.iter().map(|g| (*g).to_owned()).collect(), ..Self::default() }
    }

    /// What a request without credentials is.
    pub fn anonymous() -> Self {
        Self::new("system:anonymous", &["system:unauthenticated"])
    }

    /// The server's own hand: bootstrap and internal requests.
    pub fn server() -> Self {
        Self::new("system:apiserver", &["system:masters", "system:authenticated"])
    }

    pub fn in_group(&self, group: &str) -> bool {
        self.groups.iter().any(|g| g == group)
    }
}

/// Credentials were presented and refused; answered with 401, the text goes to the log only.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AuthError(pub String);

/// A token that a review found good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reviewed {
    pub identity: Identity,
    /// Which of the audiences asked for it is for; `None`: for this server's, whichever those are.
    pub audiences: Option<Vec<String>>,
}

/// Finds the identity of a request. `None`: no credentials of its sort were presented; the next one is asked, last comes anonymous.
#[async_trait]
pub trait Authenticate: Send + Sync + 'static {
    async fn authenticate(
        &self,
        parts: &http::request::Parts,
        peer_certificates: &[CertificateDer<'static>],
    ) -> Result<Option<Identity>, AuthError>;

    /// The identity behind a bearer token that is to be good for one of the `audiences`, as TokenReviews ask.
    async fn review(&self, _token: &str, _audiences: &[String]) -> Result<Option<Reviewed>, AuthError> {
        Ok(None)
    }

    /// What others read at `path` to verify credentials of this server's making (OIDC discovery).
    fn document(&self, _path: &str) -> Option<serde_json::Value> {
        None
    }
}

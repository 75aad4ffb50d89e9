//! Client certificates: signed by the client authority, CN is the user, each O a group. Verdicts are kept until the certificate ends, so that
//! a connection pays for its verification once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::env::Env;
use async_trait::async_trait;
use parking_lot::RwLock;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::identity::{AuthError, Authenticate, Identity};
use crate::pki::{PkiError, authority_roots};

const KEPT_MAX: usize = 4096;

/// A verdict with the seconds since 1970 at which the certificate ends.
type Verdict = (Identity, i64);

/// Authenticates by client certificate.
pub struct ClientCertificates {
    verifier: Arc<dyn ClientCertVerifier>,
    env: Env,
    kept: RwLock<BTreeMap<[u8; 32], Verdict>>,
}

impl ClientCertificates {
    /// `authorities` are DER certificates.
    pub fn new(authorities: &[&[u8]], env: Env) -> Result<Self, PkiError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let roots = Arc::new(authority_roots(authorities)?);
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider)
            .build()
            .map_err(|error| PkiError::Tls(rustls::Error::General(error.to_string())))?;
        Ok(Self { verifier, env, kept: RwLock::default() })
    }

    fn judge(&self, chain: &[CertificateDer<'static>]) -> Result<Identity, AuthError> {
        let (leaf, intermediates) = chain.split_first().ok_or_else(|| AuthError("no certificate".to_owned()))?;
        let now = self.env.now().as_second();
        let hash = fingerprint(leaf);
        if let Some((identity, end)) = self.kept.read().get(&hash)
            && now <= *end
        {
            return Ok(identity.clone());
        }
        let at = UnixTime::since_unix_epoch(Duration::from_secs(now.max(0).unsigned_abs()));
        self.verifier
            .verify_client_cert(leaf, intermediates, at)
            .map_err(|error| AuthError(format!("verify the client certificate: {error}")))?;
        let (identity, end) = read(leaf)?;
        let mut kept = self.kept.write();
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(hash, (identity.clone(), end));
        Ok(identity)
    }
}

fn fingerprint(certificate: &[u8]) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, certificate);
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

fn read(certificate: &[u8]) -> Result<Verdict, AuthError> {
    let (_, parsed) = X509Certificate::from_der(certificate)
        .map_err(|error| AuthError(format!("parse the client certificate: {error}")))?;
    let subject = parsed.subject();
    let name = subject.iter_common_name().last().and_then(|name| name.as_str().ok()).unwrap_or_default();
    if name.is_empty() {
        return Err(AuthError("the client certificate names no user".to_owned()));
    }
    let mut groups: Vec<String> =
        subject.iter_organization().filter_map(|group| group.as_str().ok()).map(str::to_owned).collect();
    groups.push("system:authenticated".to_owned());
    let hash: String = fingerprint(certificate).iter().map(|byte| format!("{byte:02x}")).collect();
    let extra =
        BTreeMap::from([("authentication.kubernetes.io/credential-id".to_owned(), vec![format!("X509SHA256={hash}")])]);
    let identity = Identity { name: name.to_owned(), uid: String::new(), groups, extra };
    Ok((identity, parsed.validity().not_after.timestamp()))
}

#[async_trait]
impl Authenticate for ClientCertificates {
    async fn authenticate(
        &self,
        _: &http::request::Parts,
        peer_certificates: &[CertificateDer<'static>],
    ) -> Result<Option<Identity>, AuthError> {
        if peer_certificates.is_empty() {
            return Ok(None);
        }
        self.judge(peer_certificates).map(Some)
    }
}

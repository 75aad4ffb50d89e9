//! Whom a TLS connection trusts: the authorities of a caBundle, the machine's own where there is none, or anybody where a person said so.

use std::sync::Arc;

use base64::Engine;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use serde_json::Value;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::pki::{Leaf, pem_decode};

/// Which certificates are believed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trust {
    /// The machine's certificate store.
    System,
    /// PEM, as in a caBundle.
    Bundle(String),
    /// insecureSkipTLSVerify.
    Anybody,
}

impl Trust {
    /// From a `caBundle` (base64 of PEM).
    pub fn of(bundle: &Value) -> Self {
        let text = bundle.as_str().unwrap_or_default();
        match base64::engine::general_purpose::STANDARD.decode(text) {
            Ok(bytes) if !bytes.is_empty() => Self::Bundle(String::from_utf8_lossy(&bytes).into_owned()),
            _ => Self::System,
        }
    }

    /// A configuration for HTTP/1.1, as upstream dials webhooks; `leaf` is shown where the other side asks who we are.
    pub fn config(&self, leaf: Option<&Leaf>) -> Result<ClientConfig, Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
        let verifier = Arc::new(Verifier::new(self, provider)?);
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
        let mut config = match leaf {
            Some(leaf) => {
                let (chain, key) = leaf.for_tls();
                builder.with_client_auth_cert(chain, key)?
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

/// Believes as Go does: besides what an authority signed, a certificate that stands in the bundle itself.
#[derive(Debug)]
struct Verifier {
    /// `None`: no authority is known.
    authorities: Option<Arc<WebPkiServerVerifier>>,
    pinned: Vec<CertificateDer<'static>>,
    anybody: bool,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn new(trust: &Trust, provider: Arc<CryptoProvider>) -> Result<Self, Error> {
        let pinned: Vec<CertificateDer<'static>> = match trust {
            Trust::Bundle(pem) => pem_decode("CERTIFICATE", pem).into_iter().map(CertificateDer::from).collect(),
            Trust::System => rustls_native_certs::load_native_certs().certs,
            Trust::Anybody => Vec::new(),
        };
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(pinned.iter().cloned());
        let authorities = match roots.is_empty() {
            true => None,
            false => Some(
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                    .build()
                    .map_err(|error| Error::General(error.to_string()))?,
            ),
        };
        let pinned = if matches!(trust, Trust::Bundle(_)) { pinned } else { Vec::new() };
        Ok(Self { authorities, pinned, anybody: *trust == Trust::Anybody, provider })
    }

    fn is_pinned(&self, certificate: &CertificateDer<'_>, now: UnixTime) -> bool {
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        self.pinned.iter().any(|pinned| pinned.as_ref() == certificate.as_ref())
            && X509Certificate::from_der(certificate).is_ok_and(|(_, parsed)| {
                let validity = parsed.validity();
                (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&seconds)
            })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.anybody {
            return Ok(ServerCertVerified::assertion());
        }
        if self.is_pinned(end_entity, now) {
            rustls::client::verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            return Ok(ServerCertVerified::assertion());
        }
        match &self.authorities {
            Some(authorities) => authorities.verify_server_cert(end_entity, intermediates, server_name, ocsp, now),
            None => Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

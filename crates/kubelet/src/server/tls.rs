//! The TLS side of the port: certificates of the cluster's client authority are asked for; who shows none is answered 401.

use std::sync::Arc;

use parking_lot::RwLock;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};

use crate::config::Serving;
use crate::error::{Error, Result};

/// The certificate that the port shows. It may come and change while the port is open: the cluster signs it only once it knows the node.
#[derive(Clone, Debug, Default)]
pub struct ServingCertificate(Arc<RwLock<Option<Arc<CertifiedKey>>>>);

impl ServingCertificate {
    /// From a chain and its key, both PEM.
    pub fn new(chain: &[u8], key: &[u8]) -> Result<Self> {
        let certificate = Self::default();
        certificate.set(chain, key)?;
        Ok(certificate)
    }

    /// Shown from the next handshake on.
    pub fn set(&self, chain: &[u8], key: &[u8]) -> Result<()> {
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| failed("key")(&error))?;
        let provider = rustls::crypto::ring::default_provider();
        let certified = CertifiedKey::from_der(certificates("chain", chain)?, key, &provider)
            .map_err(|error| failed("chain and key")(&error))?;
        *self.0.write() = Some(Arc::new(certified));
        Ok(())
    }
}

impl ResolvesServerCert for ServingCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.read().clone()
    }
}

fn failed(what: &'static str) -> impl Fn(&dyn std::fmt::Display) -> Error {
    move |error| Error::Tls(format!("{what}: {error}"))
}

fn certificates(what: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|error| failed(what)(&error))
}

pub fn server_config(serving: &Serving) -> Result<Arc<ServerConfig>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut authorities = RootCertStore::empty();
    for certificate in certificates("client authority", &serving.client_ca)? {
        authorities.add(certificate).map_err(|error| failed("client authority")(&error))?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider.clone())
        .allow_unauthenticated()
        .build()
        .map_err(|error| failed("client authority")(&error))?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed("protocol versions")(&error))?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(serving.certificate.clone()));
    // Upgrades are HTTP/1.1's.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

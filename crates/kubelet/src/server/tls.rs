//! The TLS side of the port: certificates of the cluster's client authority are asked for; who shows none is answered 401.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::config::Serving;
use crate::error::{Error, Result};

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
    let key = PrivateKeyDer::from_pem_slice(&serving.key).map_err(|error| failed("key")(&error))?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed("protocol versions")(&error))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(certificates("chain", &serving.chain)?, key)
        .map_err(|error| failed("chain and key")(&error))?;
    // Upgrades are HTTP/1.1's.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

//! A server's certificate, signed by an authority made for it.

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// All PEM.
pub struct Certified {
    pub authority: String,
    pub chain: String,
    pub key: String,
}

impl Certified {
    /// For a server of this DNS name.
    pub fn new(name: &str) -> Result<Self> {
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate()?;
        let pem = authority.self_signed(&authority_key)?.pem();
        let issuer = Issuer::new(authority, authority_key);
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(vec![name.to_owned()])?.signed_by(&key, &issuer)?;
        Ok(Self { authority: pem, chain: certificate.pem(), key: key.serialize_pem() })
    }
}

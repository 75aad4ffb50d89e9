//! A P-256 private key. Signatures are deterministic (RFC 6979), so that a seeded cluster is the same cluster twice.

use api::env::Env;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::{DecodePrivateKey, EncodePrivateKey};

use super::der;
use super::error::PkiError;
use super::pem::{pem_decode, pem_encode};

const EC_PUBLIC_KEY: [u64; 6] = [1, 2, 840, 10045, 2, 1];
const PRIME256V1: [u64; 7] = [1, 2, 840, 10045, 3, 1, 7];

/// A key pair on the curve P-256.
#[derive(Clone)]
pub struct PrivateKey(SigningKey);

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PrivateKey(..)")
    }
}

impl PrivateKey {
    /// A new key from the environment's randomness.
    pub fn generate(env: &Env) -> Self {
        loop {
            let mut scalar = [0; 32];
            env.fill_random(&mut scalar);
            // Almost every number is a scalar of the curve; the few that are not are drawn again.
            if let Ok(key) = SigningKey::from_slice(&scalar) {
                return Self(key);
            }
        }
    }

    pub fn from_pkcs8(der: &[u8], what: &str) -> Result<Self, PkiError> {
        SigningKey::from_pkcs8_der(der).map(Self).map_err(|_| PkiError::Key(what.to_owned()))
    }

    pub fn from_pem(text: &str, what: &str) -> Result<Self, PkiError> {
        let der = pem_decode("PRIVATE KEY", text);
        Self::from_pkcs8(der.first().ok_or_else(|| PkiError::Pem(what.to_owned(), "PRIVATE KEY"))?, what)
    }

    pub fn to_pkcs8(&self) -> Vec<u8> {
        self.0.to_pkcs8_der().expect("a P-256 key has a PKCS #8 form").as_bytes().to_vec()
    }

    pub fn to_pem(&self) -> String {
        pem_encode("PRIVATE KEY", &self.to_pkcs8())
    }

    /// ASN.1 signature over SHA-256, as X.509 has it.
    pub fn sign_der(&self, message: &[u8]) -> Vec<u8> {
        let signature: Signature = self.0.sign(message);
        signature.to_der().as_bytes().to_vec()
    }

    /// r and s, 32 bytes each, as JWS ES256 has it.
    pub fn sign_fixed(&self, message: &[u8]) -> Vec<u8> {
        let signature: Signature = self.0.sign(message);
        signature.to_bytes().to_vec()
    }

    /// The uncompressed point: 4, x, y.
    pub fn public_point(&self) -> Vec<u8> {
        self.0.verifying_key().to_encoded_point(false).as_bytes().to_vec()
    }

    /// SubjectPublicKeyInfo.
    pub fn public_der(&self) -> Vec<u8> {
        let algorithm = der::sequence(&[&der::oid(&EC_PUBLIC_KEY), &der::oid(&PRIME256V1)]);
        der::sequence(&[&algorithm, &der::bit_string(&self.public_point())])
    }

    pub fn public_pem(&self) -> String {
        pem_encode("PUBLIC KEY", &self.public_der())
    }
}

//! JSON Web Tokens signed with ES256: made, taken apart, verified. What their claims mean is in `service_account`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::{Value, json};

use crate::pki::PrivateKey;

/// A signing key with what is derived from it.
#[derive(Clone, Debug)]
pub struct TokenKey {
    private: PrivateKey,
    pub id: String,
    point: Vec<u8>,
}

/// `kid`: the hash of the public key, as upstream derives it.
pub fn key_id(key: &PrivateKey) -> String {
    URL_SAFE_NO_PAD.encode(ring::digest::digest(&ring::digest::SHA256, &key.public_der()))
}

impl TokenKey {
    pub fn new(private: PrivateKey) -> Self {
        Self { id: key_id(&private), point: private.public_point(), private }
    }

    /// The public half as a JSON Web Key.
    pub fn json_web_key(&self) -> Value {
        let (x, y) = (&self.point[1..33], &self.point[33..65]);
        json!({
            "use": "sig", "kty": "EC", "kid": self.id, "crv": "P-256", "alg": "ES256",
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        })
    }

    /// A compact token with these claims.
    pub fn sign(&self, claims: &Value) -> String {
        let header = json!({"alg": "ES256", "kid": self.id});
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&header), encode(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.private.sign_fixed(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    fn verifies(&self, signed: &str, signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.point).verify(signed.as_bytes(), signature).is_ok()
    }
}

/// A token in its parts; nothing is verified yet.
pub(crate) struct Parsed<'a> {
    signed: &'a str,
    signature: Vec<u8>,
    header: Value,
    pub claims: Value,
}

impl<'a> Parsed<'a> {
    /// `None`: this is no JSON Web Token.
    pub(crate) fn read(token: &'a str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        // What does not decode is not a token of this sort: another authenticator may know it.
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
        let parse = |text: &str| decode(text).and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
        Some(Self { signed, signature: decode(signature)?, header: parse(header)?, claims: parse(claims)? })
    }

    /// Whether one of the keys signed it, with the one algorithm there is.
    pub(crate) fn signed_by(&self, keys: &[TokenKey]) -> bool {
        let kid = self.header["kid"].as_str().unwrap_or_default();
        let candidates = keys.iter().filter(|key| kid.is_empty() || key.id == kid);
        self.header["alg"] == "ES256" && candidates.into_iter().any(|key| key.verifies(self.signed, &self.signature))
    }
}

//! Sealing: AES-256-GCM under a key that PBKDF2 makes from the server token. The envelope says how it was made, so that costs can be raised.

use std::num::NonZeroU32;

use api::env::Env;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::pbkdf2;
use serde_json::{Value, json};

use super::error::PkiError;

/// Tokens made by us have 128 random bits; the iterations are for weak ones that users choose.
const ITERATIONS: u32 = 10_000;
/// What an envelope may demand of us at most.
const ITERATIONS_MAX: u32 = 10_000_000;

/// Seals `plain`; `purpose` must be the same at opening.
pub(crate) fn seal(secret: &str, purpose: &str, plain: &[u8], env: &Env) -> Result<Value, PkiError> {
    let mut salt = [0; 16];
    env.fill_random(&mut salt);
    let mut nonce = [0; NONCE_LEN];
    env.fill_random(&mut nonce);
    let mut sealed = plain.to_vec();
    let iterations = NonZeroU32::new(ITERATIONS).expect("not zero");
    key(secret, &salt, iterations)
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(purpose.as_bytes()), &mut sealed)
        .map_err(|_| PkiError::Bundle("too large to seal".to_owned()))?;
    Ok(json!({
        "format": 1, "cipher": "AES-256-GCM", "kdf": "PBKDF2-HMAC-SHA256", "iterations": ITERATIONS,
        "salt": STANDARD.encode(salt), "nonce": STANDARD.encode(nonce), "sealed": STANDARD.encode(sealed),
    }))
}

/// Opens what [`seal`] made.
pub(crate) fn open(secret: &str, purpose: &str, envelope: &Value) -> Result<Vec<u8>, PkiError> {
    let damaged = |what: &str| PkiError::Bundle(format!("bad {what} in the envelope"));
    if envelope["format"] != 1 {
        return Err(PkiError::Bundle(format!("unknown format {}", envelope["format"])));
    }
    let bytes = |field: &str| STANDARD.decode(envelope[field].as_str().unwrap_or_default()).map_err(|_| damaged(field));
    let iterations = envelope["iterations"]
        .as_u64()
        .and_then(|count| u32::try_from(count).ok())
        .filter(|count| *count <= ITERATIONS_MAX);
    let iterations = iterations.and_then(NonZeroU32::new).ok_or_else(|| damaged("iterations"))?;
    let nonce: [u8; NONCE_LEN] = bytes("nonce")?.try_into().map_err(|_| damaged("nonce"))?;
    let mut sealed = bytes("sealed")?;
    let plain = key(secret, &bytes("salt")?, iterations)
        .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(purpose.as_bytes()), &mut sealed)
        .map_err(|_| PkiError::WrongToken)?;
    Ok(plain.to_vec())
}

fn key(secret: &str, salt: &[u8], iterations: NonZeroU32) -> LessSafeKey {
    let mut bytes = [0; 32];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, salt, secret.as_bytes(), &mut bytes);
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &bytes).expect("a key of 32 bytes"))
}

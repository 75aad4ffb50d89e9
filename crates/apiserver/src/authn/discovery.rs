//! What others need to verify our service account tokens: /.well-known/openid-configuration and /openid/v1/jwks.

use serde_json::{Value, json};

use super::jwt::TokenKey;

/// The provider's configuration. `base` is where clients reach this server (`https://host:port`).
pub fn openid_configuration(issuer: &str, base: &str) -> Value {
    json!({
        "issuer": issuer,
        "jwks_uri": format!("{base}/openid/v1/jwks"),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    })
}

/// The JSON Web Key Set.
pub fn key_set(keys: &[TokenKey]) -> Value {
    json!({"keys": keys.iter().map(TokenKey::json_web_key).collect::<Vec<_>>()})
}

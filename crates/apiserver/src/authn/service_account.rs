//! Service account tokens: bound to a service account, an audience and a time, and maybe to a Pod, Secret or Node, whose end is theirs.

use std::collections::BTreeMap;
use std::sync::Arc;

use api::kind::Kind;
use async_trait::async_trait;
use parking_lot::RwLock;
use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};

use super::jwt::{Parsed, TokenKey};
use super::references::{LEEWAY_SECONDS, References};
use crate::identity::{AuthError, Authenticate, Identity, Reviewed};
use crate::objects::Objects;
use crate::rows::row;

const KEPT_MAX: usize = 8192;

/// Name and uid of an object a token refers to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenReference {
    pub name: String,
    pub uid: String,
}

impl TokenReference {
    fn to_value(&self) -> Value {
        json!({"name": self.name, "uid": self.uid})
    }
}

/// What a token is bound to besides its service account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum BoundTo {
    #[default]
    Nothing,
    /// With the node the Pod runs on, if it is bound.
    Pod(TokenReference, Option<TokenReference>),
    Secret(TokenReference),
    Node(TokenReference),
}

/// Why a token is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("the token's signature is not ours")]
    Signature,
    #[error("service account token has expired")]
    Expired,
    #[error("service account token is not valid yet")]
    NotYet,
    #[error("token audiences {token:?} is invalid for the target audiences {wanted:?}")]
    Audience { token: Vec<String>, wanted: Vec<String> },
    #[error("service account {0} does not exist or is another one now")]
    Account(String),
    #[error("service account token has been invalidated")]
    Invalidated,
}

/// A token that was found good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedToken {
    pub identity: Identity,
    /// The audiences both sides have.
    pub audiences: Vec<String>,
}

/// Issues and verifies tokens.
pub struct ServiceAccountTokens {
    keys: Vec<TokenKey>,
    issuer: String,
    audiences: Vec<String>,
    objects: Objects,
    /// Claims of tokens whose signature was found good, by the token's hash.
    kept: RwLock<BTreeMap<[u8; 32], Arc<Value>>>,
    kinds: Kinds,
}

struct Kinds {
    accounts: &'static Kind,
    pods: &'static Kind,
    secrets: &'static Kind,
    nodes: &'static Kind,
}

impl ServiceAccountTokens {
    /// The first key signs, all verify; `audiences` are the server's own.
    pub fn new(keys: Vec<TokenKey>, issuer: String, audiences: Vec<String>, objects: Objects) -> Self {
        let kinds = Kinds {
            accounts: row("", "v1", "serviceaccounts"),
            pods: row("", "v1", "pods"),
            secrets: row("", "v1", "secrets"),
            nodes: row("", "v1", "nodes"),
        };
        Self { keys, issuer, audiences, objects, kept: RwLock::default(), kinds }
    }

    pub fn audiences(&self) -> &[String] {
        &self.audiences
    }

    pub fn keys(&self) -> &[TokenKey] {
        &self.keys
    }

    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Signs a token for a stored service account. `seconds` is its life; the answer's second part is its end.
    pub fn issue(
        &self,
        account: &Value,
        bound: &BoundTo,
        audiences: &[String],
        seconds: i64,
    ) -> (String, jiff::Timestamp) {
        let now = self.objects.env().now().as_second();
        let metadata = &account["metadata"];
        let (namespace, name) =
            (metadata["namespace"].as_str().unwrap_or_default(), metadata["name"].as_str().unwrap_or_default());
        let mut kubernetes = json!({
            "namespace": namespace,
            "serviceaccount": {"name": name, "uid": metadata["uid"]},
        });
        match bound {
            BoundTo::Nothing => {}
            BoundTo::Pod(pod, node) => {
                kubernetes["pod"] = pod.to_value();
                if let Some(node) = node {
                    kubernetes["node"] = node.to_value();
                }
            }
            BoundTo::Secret(secret) => kubernetes["secret"] = secret.to_value(),
            BoundTo::Node(node) => kubernetes["node"] = node.to_value(),
        }
        let claims = json!({
            "iss": self.issuer,
            "sub": format!("system:serviceaccount:{namespace}:{name}"),
            "aud": audiences,
            "exp": now + seconds,
            "iat": now,
            "nbf": now,
            "jti": self.objects.env().uuid(),
            "kubernetes.io": kubernetes,
        });
        let end = jiff::Timestamp::from_second(now + seconds).unwrap_or(jiff::Timestamp::MAX);
        (self.keys[0].sign(&claims), end)
    }

    /// `None`: not a token of this issuer. `wanted`: one of these audiences must be the token's.
    pub fn verify(&self, token: &str, wanted: &[String]) -> Option<Result<VerifiedToken, TokenError>> {
        let claims = match self.claims(token)? {
            Ok(claims) => claims,
            Err(error) => return Some(Err(error)),
        };
        Some(self.judge(&claims, wanted))
    }

    fn claims(&self, token: &str) -> Option<Result<Arc<Value>, TokenError>> {
        let digest = ring::digest::digest(&ring::digest::SHA256, token.as_bytes());
        let hash: [u8; 32] = digest.as_ref().try_into().expect("SHA-256 has 32 bytes");
        if let Some(claims) = self.kept.read().get(&hash) {
            return Some(Ok(claims.clone()));
        }
        let parsed = Parsed::read(token)?;
        if parsed.claims["iss"] != self.issuer {
            return None;
        }
        if !parsed.signed_by(&self.keys) {
            return Some(Err(TokenError::Signature));
        }
        let mut kept = self.kept.write();
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        let claims = Arc::new(parsed.claims);
        kept.insert(hash, claims.clone());
        Some(Ok(claims))
    }

    fn judge(&self, claims: &Value, wanted: &[String]) -> Result<VerifiedToken, TokenError> {
        let now = self.objects.env().now().as_second();
        // A token without an end is not one of ours.
        if claims["exp"].as_i64().is_none_or(|end| end + LEEWAY_SECONDS < now) {
            return Err(TokenError::Expired);
        }
        if [&claims["nbf"], &claims["iat"]].into_iter().filter_map(Value::as_i64).any(|at| at - LEEWAY_SECONDS > now) {
            return Err(TokenError::NotYet);
        }
        let audiences = audiences(&claims["aud"]);
        let common: Vec<String> = audiences.iter().filter(|audience| wanted.contains(audience)).cloned().collect();
        if common.is_empty() {
            return Err(TokenError::Audience { token: audiences, wanted: wanted.to_vec() });
        }
        let bound = &claims["kubernetes.io"];
        self.check_references(bound, now)?;
        Ok(VerifiedToken { identity: identity(bound, &claims["jti"]), audiences: common })
    }

    fn check_references(&self, bound: &Value, now: i64) -> Result<(), TokenError> {
        let namespace = bound["namespace"].as_str().unwrap_or_default();
        let references = References { objects: &self.objects, now };
        if !references.holds(self.kinds.accounts, namespace, &bound["serviceaccount"]) {
            let name = bound["serviceaccount"]["name"].as_str().unwrap_or_default();
            return Err(TokenError::Account(format!("{namespace}/{name}")));
        }
        // A Pod's node is a hint, not a bond.
        let node = if bound["pod"].is_null() { &bound["node"] } else { &Value::Null };
        let bonds = [
            (self.kinds.pods, namespace, &bound["pod"]),
            (self.kinds.secrets, namespace, &bound["secret"]),
            (self.kinds.nodes, "", node),
        ];
        let broken = |(kind, namespace, reference): &(&Kind, &str, &Value)| {
            !reference.is_null() && !references.holds(kind, namespace, reference)
        };
        if bonds.iter().any(broken) { Err(TokenError::Invalidated) } else { Ok(()) }
    }
}

fn audiences(claim: &Value) -> Vec<String> {
    match claim {
        Value::String(one) => vec![one.clone()],
        Value::Array(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// Upstream's ServiceAccountInfo as a user.
fn identity(bound: &Value, token_id: &Value) -> Identity {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let namespace = text(&bound["namespace"]);
    let mut extra = BTreeMap::new();
    let mut note = |key: &str, value: &Value| {
        if let Some(value) = value.as_str().filter(|value| !value.is_empty()) {
            extra.insert(format!("authentication.kubernetes.io/{key}"), vec![value.to_owned()]);
        }
    };
    note("pod-name", &bound["pod"]["name"]);
    note("pod-uid", &bound["pod"]["uid"]);
    note("node-name", &bound["node"]["name"]);
    note("node-uid", &bound["node"]["uid"]);
    if let Some(id) = token_id.as_str() {
        note("credential-id", &Value::String(format!("JTI={id}")));
    }
    Identity {
        name: format!("system:serviceaccount:{namespace}:{}", text(&bound["serviceaccount"]["name"])),
        uid: text(&bound["serviceaccount"]["uid"]),
        groups: vec![
            "system:serviceaccounts".to_owned(),
            format!("system:serviceaccounts:{namespace}"),
            "system:authenticated".to_owned(),
        ],
        extra,
    }
}

#[async_trait]
impl Authenticate for ServiceAccountTokens {
    async fn authenticate(
        &self,
        parts: &http::request::Parts,
        _: &[CertificateDer<'static>],
    ) -> Result<Option<Identity>, AuthError> {
        let Some(token) = super::union::bearer(parts) else { return Ok(None) };
        match self.verify(token, &self.audiences) {
            None => Ok(None),
            Some(Ok(verified)) => Ok(Some(verified.identity)),
            Some(Err(error)) => Err(AuthError(error.to_string())),
        }
    }

    async fn review(&self, token: &str, audiences: &[String]) -> Result<Option<Reviewed>, AuthError> {
        let verified = self.verify(token, audiences).transpose().map_err(|error| AuthError(error.to_string()))?;
        Ok(verified.map(|token| Reviewed { identity: token.identity, audiences: Some(token.audiences) }))
    }
}

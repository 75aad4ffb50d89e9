//! The keys that make a cluster this cluster: three authorities and the service account key, in the datastore, sealed with the server token.

use std::sync::Arc;

use api::env::Env;
use serde_json::{Value, json};
use store::{CommitError, Expect, Op, Store, Write};

use super::authority::Authority;
use super::error::PkiError;
use super::key::PrivateKey;
use super::sealed;
use crate::meta::Meta;
use crate::objects;

const KEY: &str = "/oxkube/bootstrap/keys";

/// Authorities and signing keys of one cluster.
#[derive(Clone, Debug)]
pub struct KeyBundle {
    /// Signs what servers show (API server, kubelets).
    pub server_authority: Authority,
    /// Signs client certificates.
    pub client_authority: Authority,
    /// Signs the aggregator's client certificate.
    pub front_proxy_authority: Authority,
    /// Signs service account tokens.
    pub service_account: PrivateKey,
}

impl KeyBundle {
    pub fn generate(env: &Env) -> Self {
        let at = env.now().as_second();
        Self {
            server_authority: Authority::generate(&format!("oxkube-server-ca@{at}"), env),
            client_authority: Authority::generate(&format!("oxkube-client-ca@{at}"), env),
            front_proxy_authority: Authority::generate(&format!("oxkube-request-header-ca@{at}"), env),
            service_account: PrivateKey::generate(env),
        }
    }

    /// The bundle in the datastore; an empty datastore gets a new one. Two servers that start at once end up with one.
    pub(crate) async fn open(store: &Store<Meta>, secret: &str, env: &Env) -> Result<Self, PkiError> {
        if let Some(item) = store.get(KEY) {
            return Self::unseal(secret, &item.bytes);
        }
        let fresh = Self::generate(env);
        let plain = serde_json::to_vec(&fresh.to_value()).map_err(|error| PkiError::Bundle(error.to_string()))?;
        let mut envelope = sealed::seal(secret, KEY, &plain, env)?;
        let (bytes, splice_at) = objects::encode(&mut envelope).map_err(|status| PkiError::Store(status.message))?;
        let op = Op::Put { bytes, splice_at, meta: Arc::new(Meta::default()) };
        let write = Write { key: KEY.into(), expect: Expect::Absent, op, ttl_seconds: None, lazy: false };
        match store.commit(vec![write]).await.pop() {
            Some(Ok(_)) => Ok(fresh),
            Some(Err(CommitError::Conflict { current: Some(item) })) => Self::unseal(secret, &item.bytes),
            Some(Err(error)) => Err(PkiError::Store(error.to_string())),
            None => Err(PkiError::Store("no answer".to_owned())),
        }
    }

    fn unseal(secret: &str, bytes: &[u8]) -> Result<Self, PkiError> {
        let envelope: Value = serde_json::from_slice(bytes).map_err(|error| PkiError::Bundle(error.to_string()))?;
        let plain = sealed::open(secret, KEY, &envelope)?;
        let value: Value = serde_json::from_slice(&plain).map_err(|error| PkiError::Bundle(error.to_string()))?;
        Self::from_value(&value)
    }

    fn to_value(&self) -> Value {
        let authority = |authority: &Authority| json!({"certificate": authority.pem(), "key": authority.key.to_pem()});
        json!({
            "serverAuthority": authority(&self.server_authority),
            "clientAuthority": authority(&self.client_authority),
            "frontProxyAuthority": authority(&self.front_proxy_authority),
            "serviceAccountKey": self.service_account.to_pem(),
        })
    }

    fn from_value(value: &Value) -> Result<Self, PkiError> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let authority =
            |name: &str| Authority::from_pem(&text(&value[name]["certificate"]), &text(&value[name]["key"]), name);
        Ok(Self {
            server_authority: authority("serverAuthority")?,
            client_authority: authority("clientAuthority")?,
            front_proxy_authority: authority("frontProxyAuthority")?,
            service_account: PrivateKey::from_pem(&text(&value["serviceAccountKey"]), "serviceAccountKey")?,
        })
    }
}

//! Service-account tokens of Pods: asked for with TokenRequest, bound to the Pod, renewed at 80 % of their life or after a day.

use std::collections::BTreeMap;

use api::env::Env;
use client::{ObjectKey, ResourceType, Rest};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Pod, ServiceAccount, ServiceAccountTokenProjection};
use parking_lot::Mutex;
use serde_json::json;

use crate::containers::spec;

const LIFE_MAX: SignedDuration = SignedDuration::from_hours(24);
const DEFAULT_SECONDS: i64 = 3600;

#[derive(Clone)]
struct Token {
    text: String,
    renew_at: Timestamp,
    expires_at: Timestamp,
}

type Key = (String, String, i64);

/// Tokens by Pod uid, audience and life.
pub struct Tokens {
    rest: Rest,
    env: Env,
    held: Mutex<BTreeMap<Key, Token>>,
}

impl Tokens {
    pub fn new(rest: Rest, env: Env) -> Self {
        Self { rest, env, held: Mutex::default() }
    }

    /// A token that is valid, and when to ask again.
    pub async fn get(
        &self,
        pod: &Pod,
        wanted: &ServiceAccountTokenProjection,
    ) -> Result<(String, Timestamp), client::Error> {
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        let key =
            (uid, wanted.audience.clone().unwrap_or_default(), wanted.expiration_seconds.unwrap_or(DEFAULT_SECONDS));
        let now = self.env.now();
        let held = self.held.lock().get(&key).cloned();
        if let Some(token) = held.clone().filter(|token| now < token.renew_at) {
            return Ok((token.text, token.renew_at));
        }
        match (self.request(pod, &key, now).await, held) {
            (Ok(token), _) => {
                let answer = (token.text.clone(), token.renew_at);
                self.held.lock().insert(key, token);
                Ok(answer)
            }
            // The old one serves while the API server is away.
            (Err(error), Some(token)) if now < token.expires_at => {
                tracing::warn!(%error, "service account token not renewed yet");
                Ok((token.text, now + SignedDuration::from_secs(60)))
            }
            (Err(error), _) => Err(error),
        }
    }

    async fn request(&self, pod: &Pod, (uid, audience, seconds): &Key, now: Timestamp) -> Result<Token, client::Error> {
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let account = spec(pod).service_account_name.as_deref().filter(|name| !name.is_empty()).unwrap_or("default");
        let audiences = if audience.is_empty() { json!([]) } else { json!([audience]) };
        let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {
            "audiences": audiences, "expirationSeconds": seconds,
            "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": pod.metadata.name, "uid": uid}}});
        let resource = ResourceType::of::<ServiceAccount>();
        let answer = self.rest.create_sub(&resource, &ObjectKey::new(namespace, account), "token", &body).await?;
        let status = &answer["status"];
        let expires_at = status["expirationTimestamp"].as_str().and_then(|text| text.parse().ok());
        let expires_at = expires_at.unwrap_or(now + SignedDuration::from_secs(*seconds));
        let life = expires_at.duration_since(now);
        let renew_at = now + (life * 4 / 5).min(LIFE_MAX);
        Ok(Token { text: status["token"].as_str().unwrap_or_default().to_owned(), renew_at, expires_at })
    }

    /// The Pod is gone.
    pub fn release(&self, uid: &str) {
        self.held.lock().retain(|(of, _, _), _| of != uid);
    }
}

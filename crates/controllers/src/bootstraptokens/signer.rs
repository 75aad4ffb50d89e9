//! Signs the kubeconfig in cluster-info with every token that may: a detached JWS each, so that whoever has the token can
//! tell that the CA is the right one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use client::runtime::Plan;
use client::{Lister, ObjectKey};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use sha2::Sha256;

use super::token;

const CONTENT: &str = "kubeconfig";
const SIGNATURE_PREFIX: &str = "jws-kubeconfig-";

pub fn plan(maps: &Lister<ConfigMap>, secrets: &Lister<Secret>, key: &ObjectKey, now: Timestamp) -> Plan {
    let mut plan = Plan::new();
    let Some(map) = maps.get(key) else { return plan };
    let mut data = map.data.clone().unwrap_or_default();
    let Some(content) = data.get(CONTENT).cloned() else { return plan };
    data.retain(|name, _| !name.starts_with(SIGNATURE_PREFIX));
    for secret in secrets.list() {
        let Some((id, secret_key)) = token::for_signing(&secret, now) else { continue };
        data.insert(format!("{SIGNATURE_PREFIX}{id}"), signature(&content, &id, &secret_key));
        if let Some(left) = token::lasts(&secret, now) {
            plan.requeue_after(left);
        }
    }
    plan.update(&*map, &ConfigMap { data: Some(data), ..ConfigMap::clone(&map) });
    plan
}

/// HS256 over the content, which is left out of the result.
fn signature(content: &str, id: &str, key: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"HS256","kid":"{id}"}}"#));
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(format!("{header}.{}", URL_SAFE_NO_PAD.encode(content)).as_bytes());
    format!("{header}..{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

//! Credentials of imagePullSecrets: which entries of a dockerconfigjson are for an image. Pure.

use std::collections::BTreeMap;

use base64::Engine;
use k8s_openapi::api::core::v1::Secret;
use serde::Deserialize;

use crate::cri::v1::AuthConfig;
use crate::image_reference::registry;

#[derive(Deserialize)]
struct DockerConfig {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
}

#[derive(Deserialize, Default, Clone)]
struct Entry {
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    auth: String,
    #[serde(default, rename = "identitytoken")]
    identity_token: String,
}

impl Entry {
    fn auth(&self, server: &str) -> Option<AuthConfig> {
        let (mut username, mut password) = (self.username.clone(), self.password.clone());
        if username.is_empty() && !self.auth.is_empty() {
            let decoded = base64::engine::general_purpose::STANDARD.decode(self.auth.trim()).ok()?;
            let decoded = String::from_utf8(decoded).ok()?;
            let (user, pass) = decoded.split_once(':')?;
            (username, password) = (user.to_owned(), pass.trim_end_matches('\0').to_owned());
        }
        Some(AuthConfig {
            username,
            password,
            identity_token: self.identity_token.clone(),
            server_address: server.to_owned(),
            ..AuthConfig::default()
        })
    }
}

/// The credentials for an image, the most specific first. Secrets that hold none are passed over, as upstream does.
pub fn credentials(image: &str, secrets: &[Secret]) -> Vec<AuthConfig> {
    let mut found: Vec<(usize, AuthConfig)> = Vec::new();
    for (server, entry) in secrets.iter().flat_map(entries) {
        let address = server.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/');
        let address = address.strip_suffix("/v1").or_else(|| address.strip_suffix("/v2")).unwrap_or(address);
        if matches(address, image)
            && let Some(auth) = entry.auth(&server)
        {
            found.push((address.len(), auth));
        }
    }
    found.sort_by_key(|(length, _)| std::cmp::Reverse(*length));
    found.into_iter().map(|(_, auth)| auth).collect()
}

fn entries(secret: &Secret) -> Vec<(String, Entry)> {
    let data = |key: &str| secret.data.as_ref().and_then(|data| data.get(key)).map(|bytes| bytes.0.as_slice());
    let auths = match (data(".dockerconfigjson"), data(".dockercfg")) {
        (Some(bytes), _) => serde_json::from_slice::<DockerConfig>(bytes).map(|config| config.auths),
        (None, Some(bytes)) => serde_json::from_slice(bytes),
        (None, None) => return Vec::new(),
    };
    match auths {
        Ok(auths) => auths.into_iter().collect(),
        Err(error) => {
            let name = secret.metadata.name.as_deref().unwrap_or_default();
            tracing::warn!(secret = name, %error, "pull secret is not readable");
            Vec::new()
        }
    }
}

/// Whether an address (host with wildcards, optional path) covers the image.
fn matches(address: &str, image: &str) -> bool {
    let (host, path) = address.split_once('/').unwrap_or((address, ""));
    let registry = registry(image);
    let hosts_match = match registry {
        "docker.io" => matches!(host, "docker.io" | "index.docker.io" | "registry-1.docker.io"),
        _ => host_matches(host, registry),
    };
    let image_path = image.strip_prefix(registry).unwrap_or(image).trim_start_matches('/');
    hosts_match && image_path.starts_with(path)
}

/// `*.example.com` covers one label, ports must be equal.
fn host_matches(pattern: &str, host: &str) -> bool {
    let (pattern, pattern_port) = pattern.split_once(':').unwrap_or((pattern, ""));
    let (host, port) = host.split_once(':').unwrap_or((host, ""));
    let (labels, wanted): (Vec<&str>, Vec<&str>) = (host.split('.').collect(), pattern.split('.').collect());
    pattern_port == port
        && labels.len() == wanted.len()
        && wanted.iter().zip(&labels).all(|(wanted, label)| match wanted.strip_prefix('*') {
            Some(end) => label.ends_with(end),
            None => wanted == label,
        })
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;

    use super::*;

    fn secret(json: &str) -> Secret {
        Secret {
            data: Some(BTreeMap::from([(".dockerconfigjson".to_owned(), ByteString(json.as_bytes().to_vec()))])),
            ..Secret::default()
        }
    }

    /// The matching table of the documentation ("Interpretation of config.json").
    #[test]
    fn the_most_specific_entry_comes_first() {
        let auth = base64::engine::general_purpose::STANDARD.encode("user:pa:ss");
        let secret = secret(&format!(
            r#"{{"auths": {{"my-registry.example/images": {{"auth": "{auth}"}}, "*.example": {{"username": "w", "password": "p"}},
                "https://index.docker.io/v1/": {{"username": "hub", "password": "h"}}}}}}"#
        ));
        let found = credentials("my-registry.example/images/app:1", std::slice::from_ref(&secret));
        let names: Vec<_> = found.iter().map(|auth| (auth.username.as_str(), auth.password.as_str())).collect();
        assert_eq!(names, [("user", "pa:ss"), ("w", "p")]);
        assert_eq!(credentials("nginx:1.21", std::slice::from_ref(&secret))[0].username, "hub");
        assert!(credentials("sub.my-registry.example/images/app", &[secret]).is_empty());
    }
}

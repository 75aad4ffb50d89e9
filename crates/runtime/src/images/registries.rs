//! Where images come from: mirrors per registry host, credentials and TLS per endpoint. Pure; the shape is that of the
//! registries file of small distributions (`mirrors:`, `configs:`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::reference::DEFAULT_REGISTRY;

/// Docker Hub's registry is not at its name.
const DEFAULT_REGISTRY_HOST: &str = "registry-1.docker.io";

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Registries {
    /// By registry host; `*` is for every host without a row.
    pub mirrors: BTreeMap<String, Mirror>,
    /// By endpoint host (with its port).
    pub configs: BTreeMap<String, HostConfig>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mirror {
    #[serde(alias = "endpoint")]
    pub endpoints: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HostConfig {
    pub auth: Option<Credentials>,
    pub tls: Option<HostTls>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Credentials {
    pub username: String,
    pub password: String,
    /// base64 of `username:password`
    pub auth: String,
    pub identity_token: String,
    pub registry_token: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HostTls {
    pub ca_file: Option<std::path::PathBuf>,
    pub cert_file: Option<std::path::PathBuf>,
    pub key_file: Option<std::path::PathBuf>,
    pub insecure_skip_verify: bool,
}

/// A place to ask: `https://host[:port][/prefix]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    pub base: String,
    /// Whether this is a mirror and not the registry itself.
    pub is_mirror: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid registry mirror {0:?}: it is HOST=URL with an http or https URL")]
pub struct InvalidMirror(pub String);

impl Registries {
    /// Adds `HOST=URL`, as the flag has it.
    pub fn add_mirror(&mut self, flag: &str) -> Result<(), InvalidMirror> {
        let invalid = || InvalidMirror(flag.to_owned());
        let (host, url) = flag.split_once('=').ok_or_else(invalid)?;
        let uri: http::Uri = url.parse().map_err(|_| invalid())?;
        if host.is_empty() || !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
            return Err(invalid());
        }
        self.mirrors.entry(host.to_owned()).or_default().endpoints.push(url.to_owned());
        Ok(())
    }

    /// The endpoints to try for a registry, in order: its mirrors, then itself.
    pub fn endpoints(&self, registry: &str) -> Vec<Endpoint> {
        let mirrors = self.mirrors.get(registry).or_else(|| self.mirrors.get("*"));
        let mirrored = mirrors.into_iter().flat_map(|mirror| &mirror.endpoints);
        let mut endpoints: Vec<_> = mirrored
            .map(|url| Endpoint { base: url.trim_end_matches('/').trim_end_matches("/v2").to_owned(), is_mirror: true })
            .collect();
        let host = if registry == DEFAULT_REGISTRY { DEFAULT_REGISTRY_HOST } else { registry };
        let scheme = if is_loopback(host) { "http" } else { "https" };
        let own = Endpoint { base: format!("{scheme}://{host}"), is_mirror: false };
        if endpoints.iter().all(|endpoint| endpoint.base != own.base) {
            endpoints.push(own);
        }
        endpoints
    }

    pub fn config(&self, host: &str) -> Option<&HostConfig> {
        let by_registry = if host == DEFAULT_REGISTRY_HOST { DEFAULT_REGISTRY } else { host };
        self.configs.get(host).or_else(|| self.configs.get(by_registry))
    }
}

/// Registries on this machine speak plain http, as every container engine takes them.
fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name == "localhost" || name.starts_with("127.") || name == "[::1]"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bases(registries: &Registries, host: &str) -> Vec<String> {
        registries.endpoints(host).into_iter().map(|endpoint| endpoint.base).collect()
    }

    #[test]
    fn mirrors_come_first() {
        let mut registries = Registries::default();
        registries.add_mirror("docker.io=http://127.0.0.1:5000").expect("valid");
        registries.add_mirror("quay.io=https://mirror.example/quay/").expect("valid");
        assert_eq!(bases(&registries, "docker.io"), ["http://127.0.0.1:5000", "https://registry-1.docker.io"]);
        assert_eq!(bases(&registries, "quay.io"), ["https://mirror.example/quay", "https://quay.io"]);
        assert_eq!(bases(&registries, "registry.k8s.io"), ["https://registry.k8s.io"]);
        assert_eq!(bases(&registries, "localhost:5000"), ["http://localhost:5000"]);
        assert_eq!(bases(&registries, "127.0.0.1:5000"), ["http://127.0.0.1:5000"]);
    }

    #[test]
    fn a_malformed_mirror_is_refused() {
        for flag in ["docker.io", "=http://x", "docker.io=x", "docker.io=ftp://x"] {
            assert!(Registries::default().add_mirror(flag).is_err(), "{flag}");
        }
    }

    #[test]
    fn the_registries_file_is_read() {
        let registries: Registries = serde_json::from_str(
            r#"{"mirrors":{"docker.io":{"endpoint":["https://m.example"]}},"configs":{"m.example":{"auth":{"username":"a","password":"b"},"tls":{"insecure_skip_verify":true}}}}"#,
        )
        .expect("the known shape");
        assert_eq!(bases(&registries, "docker.io")[0], "https://m.example");
        assert!(registries.config("m.example").is_some_and(|config| config.auth.is_some()));
    }
}

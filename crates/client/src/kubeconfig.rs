//! How to reach and to convince a server: from a kubeconfig file, or from parts in hand. Exec plugins and auth providers
//! are left out and refused by name.

use std::path::{Path, PathBuf};

use base64::Engine;
use serde::Deserialize;

use crate::error::{Error, Result};

/// Who the client is.
#[derive(Clone, Default)]
pub enum Identity {
    #[default]
    Anonymous,
    /// Certificate chain and key, both PEM.
    Certificate {
        chain: Vec<u8>,
        key: Vec<u8>,
    },
    Token(String),
}

/// A server's address and trust, and the client's identity.
#[derive(Clone, Default)]
pub struct Connection {
    /// `https://host:port`.
    pub server: String,
    /// The CA certificates to trust, PEM.
    pub ca: Vec<u8>,
    /// The name the server's certificate must have, where it is not the address's host.
    pub server_name: Option<String>,
    /// Accept any server certificate.
    pub insecure: bool,
    pub identity: Identity,
    pub namespace: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    #[serde(default)]
    current_context: String,
    #[serde(default)]
    clusters: Vec<NamedCluster>,
    #[serde(default)]
    users: Vec<NamedUser>,
    #[serde(default)]
    contexts: Vec<NamedContext>,
}

#[derive(Deserialize)]
struct NamedCluster {
    name: String,
    cluster: Cluster,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", default)]
struct Cluster {
    server: String,
    certificate_authority: Option<String>,
    certificate_authority_data: Option<String>,
    insecure_skip_tls_verify: bool,
    tls_server_name: Option<String>,
}

#[derive(Deserialize)]
struct NamedUser {
    name: String,
    #[serde(default)]
    user: User,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", default)]
struct User {
    client_certificate: Option<String>,
    client_certificate_data: Option<String>,
    client_key: Option<String>,
    client_key_data: Option<String>,
    token: Option<String>,
    #[serde(rename = "tokenFile")]
    token_file: Option<String>,
    exec: Option<serde_json::Value>,
    auth_provider: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct NamedContext {
    name: String,
    context: Context,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Context {
    cluster: String,
    user: String,
    namespace: Option<String>,
}

impl Connection {
    /// Reads a kubeconfig file; `context` instead of its current one, if given.
    pub fn from_kubeconfig(path: &Path, context: Option<&str>) -> Result<Self> {
        let text = read(path)?;
        let text = String::from_utf8_lossy(&text);
        let folder = path.parent().unwrap_or(Path::new("."));
        Self::from_kubeconfig_text(&text, folder, context)
    }

    /// Reads a kubeconfig's text; relative paths in it start at `folder`.
    pub fn from_kubeconfig_text(text: &str, folder: &Path, context: Option<&str>) -> Result<Self> {
        let file: File = serde_saphyr::from_str(text).map_err(|error| Error::Kubeconfig(error.to_string()))?;
        let name = context.unwrap_or(&file.current_context);
        let context = file.contexts.iter().find(|named| named.name == name);
        let context = &context.ok_or_else(|| missing("context", name))?.context;
        let cluster = file.clusters.iter().find(|named| named.name == context.cluster);
        let cluster = &cluster.ok_or_else(|| missing("cluster", &context.cluster))?.cluster;
        let user = file.users.iter().find(|named| named.name == context.user);
        let user = user.map(|named| &named.user);
        let ca = data(folder, &cluster.certificate_authority_data, &cluster.certificate_authority)?;
        Ok(Self {
            server: cluster.server.clone(),
            ca: ca.unwrap_or_default(),
            server_name: cluster.tls_server_name.clone(),
            insecure: cluster.insecure_skip_tls_verify,
            identity: user.map_or(Ok(Identity::Anonymous), |user| user.identity(folder))?,
            namespace: context.namespace.clone().unwrap_or_else(|| "default".to_owned()),
        })
    }
}

impl User {
    fn identity(&self, folder: &Path) -> Result<Identity> {
        if self.exec.is_some() || self.auth_provider.is_some() {
            return Err(Error::Kubeconfig(
                "exec plugins and auth providers are not supported: use a client certificate or a token".into(),
            ));
        }
        let chain = data(folder, &self.client_certificate_data, &self.client_certificate)?;
        let key = data(folder, &self.client_key_data, &self.client_key)?;
        match (chain, key) {
            (Some(chain), Some(key)) => return Ok(Identity::Certificate { chain, key }),
            (None, None) => {}
            _ => return Err(Error::Kubeconfig("a client certificate and its key must be given together".into())),
        }
        if let Some(file) = &self.token_file {
            let token = read(&folder.join(file))?;
            return Ok(Identity::Token(String::from_utf8_lossy(&token).trim().to_owned()));
        }
        Ok(self.token.clone().map_or(Identity::Anonymous, Identity::Token))
    }
}

fn missing(what: &str, name: &str) -> Error {
    Error::Kubeconfig(format!("{what} {name:?} does not exist"))
}

/// Inline base64 data, which wins, or the content of a file.
fn data(folder: &Path, inline: &Option<String>, file: &Option<String>) -> Result<Option<Vec<u8>>> {
    if let Some(inline) = inline.as_ref().filter(|text| !text.is_empty()) {
        let decoded = base64::engine::general_purpose::STANDARD.decode(inline.trim());
        return decoded.map(Some).map_err(|error| Error::Kubeconfig(format!("inline data: {error}")));
    }
    file.as_ref().filter(|path| !path.is_empty()).map(|path| read(&folder.join(path))).transpose()
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|source| Error::File { path: PathBuf::from(path).display().to_string(), source })
}

//! The server token: what agents join with, and what seals the cluster's keys in the datastore. Its long form names the cluster, so that a
//! joining node can check the authority it is shown: `K10<sha256 of the server CA's PEM>::server:<secret>`.

use std::path::Path;

use api::env::Env;

use super::error::PkiError;
use super::files::{read_optional, write_private};

const PREFIX: &str = "K10";
const USER: &str = "server";

/// The secret with the cluster it was given for, if that is known.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerToken {
    pub cluster: Option<String>,
    pub secret: String,
}

impl std::fmt::Debug for ServerToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ServerToken {{ cluster: {:?}, .. }}", self.cluster)
    }
}

impl ServerToken {
    /// Reads either form.
    pub fn parse(text: &str) -> Result<Self, PkiError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(PkiError::BadToken("is empty"));
        }
        let Some((hash, credentials)) = text.strip_prefix(PREFIX).and_then(|rest| rest.split_once("::")) else {
            return Ok(Self { cluster: None, secret: text.to_owned() });
        };
        if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(PkiError::BadToken("has no sha256 hash between K10 and ::"));
        }
        let secret = match credentials.split_once(':') {
            Some((user, secret)) if user == USER => secret,
            Some(_) => return Err(PkiError::BadToken("is not one of user \"server\"")),
            None => credentials,
        };
        Ok(Self { cluster: Some(hash.to_lowercase()), secret: secret.to_owned() })
    }

    /// The token given, else the one in the file, else a new one.
    pub(crate) fn resolve(given: &str, path: &Path, env: &Env) -> Result<Self, PkiError> {
        if !given.is_empty() {
            return Self::parse(given);
        }
        match read_optional(path)? {
            Some(text) => Self::parse(&text),
            None => Ok(Self { cluster: None, secret: random_hex(env) }),
        }
    }

    /// The long form for the cluster with this server authority.
    pub fn long_form(&self, authority_pem: &str) -> String {
        format!("{PREFIX}{}::{USER}:{}", cluster_hash(authority_pem), self.secret)
    }

    /// A token of the long form must name this cluster.
    pub fn check(&self, authority_pem: &str) -> Result<(), PkiError> {
        let actual = cluster_hash(authority_pem);
        match &self.cluster {
            Some(asked) if *asked != actual => Err(PkiError::OtherCluster { asked: asked.clone(), actual }),
            _ => Ok(()),
        }
    }

    pub(crate) fn write(&self, authority_pem: &str, path: &Path) -> Result<(), PkiError> {
        let text = self.long_form(authority_pem) + "\n";
        if read_optional(path)?.as_deref() == Some(text.as_str()) {
            return Ok(());
        }
        write_private(path, text.as_bytes(), 0o600)
    }

    /// Whether `secret` is ours, in constant time.
    pub fn matches(&self, secret: &str) -> bool {
        crate::constant_time::equal(self.secret.as_bytes(), secret.as_bytes())
    }
}

fn cluster_hash(authority_pem: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, authority_pem.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn random_hex(env: &Env) -> String {
    let mut bytes = [0; 16];
    env.fill_random(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

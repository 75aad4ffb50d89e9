//! A kubeconfig with one cluster, one user, one context.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::error::PkiError;
use super::files::write_private;
use super::leaf::Leaf;

/// What a kubeconfig says.
#[derive(Clone, Debug)]
pub struct Kubeconfig<'a> {
    /// `https://127.0.0.1:6443`
    pub server: &'a str,
    /// PEM of the authority that signed the server's certificate.
    pub authority: &'a str,
    pub user: &'a Leaf,
    /// Name of cluster, user and context.
    pub name: &'a str,
}

impl Kubeconfig<'_> {
    /// The document.
    pub fn to_yaml(&self) -> String {
        let Self { server, name, .. } = self;
        let authority = STANDARD.encode(self.authority);
        let certificate = STANDARD.encode(self.user.pem());
        let key = STANDARD.encode(self.user.key.to_pem());
        format!(
            "apiVersion: v1\nkind: Config\nclusters:\n- cluster:\n    certificate-authority-data: {authority}\n    server: {server}\n  name: {name}\n\
             contexts:\n- context:\n    cluster: {name}\n    user: {name}\n  name: {name}\ncurrent-context: {name}\npreferences: {{}}\n\
             users:\n- name: {name}\n  user:\n    client-certificate-data: {certificate}\n    client-key-data: {key}\n"
        )
    }

    /// Writes it, mode 0600, atomically.
    pub fn write(&self, path: &Path) -> Result<(), PkiError> {
        write_private(path, self.to_yaml().as_bytes(), 0o600)
    }
}

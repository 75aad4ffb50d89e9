//! Who calls the kubelet's port, by client certificate. What others than the API server may do is `access`'s affair.

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate, X509Name};

use serde_json::{Value, json};

/// The name of the certificate that API servers show to kubelets, here and in clusters made by kubeadm.
const API_SERVER: &str = "kube-apiserver-kubelet-client";
/// Members may do everything, as everywhere in the cluster.
const MASTERS: &str = "system:masters";

/// A client; nobody without a certificate of the cluster's authority, which the handshake has checked.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Caller {
    name: Option<String>,
    groups: Vec<String>,
}

impl Caller {
    pub fn of(chain: &[CertificateDer<'_>]) -> Self {
        let Some(leaf) = chain.first() else { return Self::default() };
        match X509Certificate::from_der(leaf) {
            Ok((_, certificate)) => Self::named(certificate.subject()),
            Err(error) => {
                tracing::warn!(%error, "a client's certificate cannot be read");
                Self::default()
            }
        }
    }

    fn named(subject: &X509Name<'_>) -> Self {
        let text = |value: &x509_parser::prelude::AttributeTypeAndValue<'_>| value.as_str().ok().map(str::to_owned);
        let name = subject.iter_common_name().next().and_then(text);
        Self { name, groups: subject.iter_organization().filter_map(text).collect() }
    }

    /// The API server, or a member of the group that may do everything.
    pub fn is_api_server(&self) -> bool {
        let is_known = self.name.as_deref() == Some(API_SERVER);
        is_known || (self.name.is_some() && self.groups.iter().any(|group| group == MASTERS))
    }

    /// As reviews name it; none without a certificate.
    pub fn user(&self) -> Option<Value> {
        let name = self.name.as_ref()?;
        let groups = self.groups.iter().map(String::as_str).chain(["system:authenticated"]);
        Some(json!({"username": name, "groups": groups.collect::<Vec<_>>()}))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_say_who_it_is() {
        let caller = |name: Option<&str>, groups: &[&str]| Caller {
            name: name.map(str::to_owned),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        };
        assert!(!caller(None, &[MASTERS]).is_api_server() && caller(None, &[]).user().is_none());
        assert!(caller(Some("admin"), &[MASTERS]).is_api_server() && caller(Some(API_SERVER), &[]).is_api_server());
        let node = caller(Some("system:node:n1"), &["system:nodes"]);
        assert!(!node.is_api_server());
        let user = json!({"username": "system:node:n1", "groups": ["system:nodes", "system:authenticated"]});
        assert_eq!(node.user(), Some(user));
    }
}

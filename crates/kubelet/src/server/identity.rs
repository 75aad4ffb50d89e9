//! Who calls the kubelet's port, by client certificate. Only the API server is let in: whoever may exec here is root on the node.
//! Bearer tokens and reviews of other identities are left out.

use http::{Method, StatusCode};
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate, X509Name};

use super::answer::Refusal;

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

    /// Whether the request may be served; upstream's words when not.
    pub fn check(&self, method: &Method, path: &str) -> Result<(), Refusal> {
        let Some(name) = &self.name else {
            return Err(Refusal::new(StatusCode::UNAUTHORIZED, "Unauthorized"));
        };
        if name == API_SERVER || self.groups.iter().any(|group| group == MASTERS) {
            return Ok(());
        }
        let text = format!("Forbidden (user={name}, verb={method}, path={path}, resource=nodes, subresource=proxy)");
        Err(Refusal::new(StatusCode::FORBIDDEN, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(name: Option<&str>, groups: &[&str]) -> Option<u16> {
        let caller =
            Caller { name: name.map(str::to_owned), groups: groups.iter().map(|group| (*group).to_owned()).collect() };
        caller.check(&Method::GET, "/pods").err().map(|refusal| refusal.code.as_u16())
    }

    #[test]
    fn only_the_api_server_is_let_in() {
        assert_eq!(code(None, &[MASTERS]), Some(401));
        assert_eq!(code(Some("system:node:n1"), &["system:nodes"]), Some(403));
        assert_eq!(code(Some("admin"), &[MASTERS]), None);
        assert_eq!(code(Some(API_SERVER), &[]), None);
    }
}

//! A node's certificates: asked for with a CertificateSigningRequest, kept in one file each with their key, asked for anew past two
//! thirds of their life.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use client::{ObjectKey, ResourceType, Rest};
use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use serde_json::json;
use x509_parser::pem::parse_x509_pem;

const LOOK_EVERY: Duration = Duration::from_millis(200);
const LOOKS: usize = 50;

/// Chain and key, both PEM.
#[derive(Clone, Debug)]
pub struct Certificate {
    pub chain: String,
    pub key: String,
}

/// A request was made, and no certificate came of it that lasts.
#[derive(Debug, thiserror::Error)]
pub enum Unsigned {
    #[error("signing request {request} was refused: {why}")]
    Refused { request: String, why: String },
    #[error("signing request {0} is not signed yet; see kubectl get csr")]
    Waiting(String),
    #[error("look at signing request {0}")]
    Unseen(String),
    #[error("a certificate was signed and could not be kept")]
    Unkept,
}

impl Unsigned {
    /// One of the addresses was the reason; the cluster's answer begins with it.
    pub fn is_of_addresses(&self) -> bool {
        let Self::Refused { why, .. } = self else { return false };
        why.split(' ').next().is_some_and(|word| word.parse::<IpAddr>().is_ok())
    }
}

/// What a node asks for.
#[derive(Clone)]
pub struct Asked {
    pub node: String,
    pub signer: &'static str,
    /// `client auth` or `server auth`.
    pub usage: &'static str,
    /// Names and addresses to serve under; the node's own name comes first.
    pub names: Vec<String>,
}

impl Certificate {
    /// The one in a file, as long as it holds. What cannot be read is asked for anew.
    pub fn load(path: &Path, now: Timestamp) -> Option<Self> {
        let text = std::fs::read_to_string(path).ok()?;
        let at = text.find("-----BEGIN CERTIFICATE")?;
        let kept = Self { key: text[..at].to_owned(), chain: text[at..].to_owned() };
        (now < kept.life()?.1).then_some(kept)
    }

    pub fn store(&self, path: &Path) -> anyhow::Result<()> {
        let text = format!("{}{}", self.key, self.chain);
        apiserver::pki::write_private(path, text.as_bytes(), 0o600).context("keep the certificate")
    }

    /// Two thirds of its life. `None`: it cannot be read.
    pub fn renew_at(&self) -> Option<Timestamp> {
        let (begin, end) = self.life()?;
        Timestamp::from_second(begin.as_second() + (end.as_second() - begin.as_second()) / 3 * 2).ok()
    }

    fn life(&self) -> Option<(Timestamp, Timestamp)> {
        let (_, block) = parse_x509_pem(self.chain.as_bytes()).ok()?;
        let certificate = block.parse_x509().ok()?;
        let life = certificate.validity();
        let moment = |seconds| Timestamp::from_second(seconds).ok();
        Some((moment(life.not_before.timestamp())?, moment(life.not_after.timestamp())?))
    }

    /// Asks the cluster and waits for its answer.
    pub async fn ask(rest: &Rest, asked: &Asked) -> anyhow::Result<Self> {
        let key = KeyPair::generate().context("make a key")?;
        let request = json!({
            "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
            "metadata": {"generateName": "node-csr-"},
            "spec": {
                "request": STANDARD.encode(request(asked, &key)?), "signerName": asked.signer,
                "usages": ["digital signature", asked.usage],
            },
        });
        let resource = ResourceType::of::<CertificateSigningRequest>();
        let made = rest.create(&resource, "", &request).await.context("ask for a certificate")?;
        let name = ObjectKey::cluster(made["metadata"]["name"].as_str().unwrap_or_default());
        for _ in 0..LOOKS {
            tokio::time::sleep(LOOK_EVERY).await;
            let seen = rest.get(&resource, &name).await.with_context(|| Unsigned::Unseen(name.to_string()))?;
            if let Some(encoded) = seen["status"]["certificate"].as_str().filter(|text| !text.is_empty()) {
                let chain = String::from_utf8(STANDARD.decode(encoded)?)?;
                return Ok(Self { chain, key: key.serialize_pem() });
            }
            let mut conditions = seen["status"]["conditions"].as_array().into_iter().flatten();
            if let Some(no) = conditions.find(|have| have["type"] == "Denied" || have["type"] == "Failed") {
                let why = no["message"].as_str().unwrap_or_default().to_owned();
                bail!(Unsigned::Refused { request: name.to_string(), why });
            }
        }
        bail!(Unsigned::Waiting(name.to_string()))
    }
}

/// PKCS #10, PEM.
fn request(asked: &Asked, key: &KeyPair) -> anyhow::Result<String> {
    let mut params = CertificateParams::new(asked.names.clone()).context("names of a certificate")?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "system:nodes");
    params.distinguished_name.push(DnType::CommonName, format!("system:node:{}", asked.node));
    params.serialize_request(key).and_then(|request| request.pem()).context("make a signing request")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_kept_until_its_end_and_renewed_past_two_thirds_of_its_life() {
        let folder = tempfile::tempdir().expect("tempdir");
        let path = folder.path().join("agent/client.pem");
        assert!(Certificate::load(&path, Timestamp::UNIX_EPOCH).is_none());
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2026, 1, 4);
        let chain = params.self_signed(&key).expect("signed").pem();
        Certificate { chain: chain.clone(), key: key.serialize_pem() }.store(&path).expect("stored");
        let at = |text: &str| Certificate::load(&path, text.parse().expect("a time"));
        let kept = at("2026-01-03T23:59:59Z").expect("good");
        assert_eq!((&kept.chain, &kept.key), (&chain, &key.serialize_pem()));
        assert_eq!(kept.renew_at(), Some("2026-01-03T00:00:00Z".parse().expect("a time")));
        assert!(at("2026-01-04T00:00:00Z").is_none());
    }

    #[test]
    fn only_addresses_are_left_out_for_being_refused() {
        let refused =
            |why: &str| Unsigned::Refused { request: "node-csr-1".to_owned(), why: why.to_owned() }.is_of_addresses();
        assert!(refused("172.30.0.2 is not this node's alone"));
        assert!(refused("fd00::2 is not this node's alone"));
        assert!(!refused("localhost is a name of the API server or of a Service: the node needs another name"));
        assert!(!refused("no"));
        assert!(!refused(""));
        assert!(!Unsigned::Waiting("172.30.0.2".to_owned()).is_of_addresses());
    }

    #[test]
    fn a_request_says_what_the_signer_demands() {
        let names = vec!["node-2".to_owned(), "172.30.0.2".to_owned()];
        let asked =
            Asked { node: "node-2".to_owned(), signer: "kubernetes.io/kubelet-serving", usage: "server auth", names };
        let text = request(&asked, &KeyPair::generate().expect("a key")).expect("made");
        let read = apiserver::pki::SigningRequest::from_pem(&text).expect("read");
        assert_eq!(
            (read.common_name.as_str(), read.organizations),
            ("system:node:node-2", vec!["system:nodes".into()])
        );
        assert_eq!((read.dns_names, read.addresses.len()), (vec!["node-2".to_owned()], 1));
    }
}

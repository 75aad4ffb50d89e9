//! Keeps the serving certificate of an agent's kubelet. The cluster signs it once it knows the node's addresses, that is after registration.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use api::env::Env;
use client::Rest;
use jiff::Timestamp;
use kubelet::ServingCertificate;
use tokio_util::sync::CancellationToken;

use crate::certificate::{Asked, Certificate};

const RETRY: Duration = Duration::from_secs(5);
/// How often its age is looked at; sleeping machines make longer waits unreliable.
const LOOK_EVERY: Duration = Duration::from_secs(3600);

/// Whose certificate, and where it is kept.
pub struct Serving {
    pub node: String,
    pub ip: IpAddr,
    pub folder: PathBuf,
    pub rest: Rest,
    pub certificate: ServingCertificate,
    pub env: Env,
}

impl Serving {
    /// Until `stop`.
    pub async fn keep(self, stop: CancellationToken) {
        let keeping = async {
            let mut renew_at = Timestamp::UNIX_EPOCH;
            loop {
                let wait = if self.env.now() < renew_at {
                    LOOK_EVERY
                } else {
                    match self.renew().await {
                        Ok(at) => {
                            renew_at = at;
                            LOOK_EVERY
                        }
                        Err(error) => {
                            let error = format!("{error:#}");
                            tracing::warn!(error, "the kubelet has no new serving certificate; logs and exec need one");
                            RETRY
                        }
                    }
                };
                tokio::time::sleep(wait).await;
            }
        };
        stop.run_until_cancelled(keeping).await;
    }

    /// Shows the kept one or a new one; says when it is to be renewed.
    async fn renew(&self) -> anyhow::Result<Timestamp> {
        // By name and address: another address needs another certificate.
        let path = self.folder.join(format!("serving-{}-{}.pem", self.node, self.ip));
        let certificate = match Certificate::load(&path, self.env.now()) {
            Some(kept) => kept,
            None => {
                let names = vec![self.node.clone(), self.ip.to_string()];
                let (signer, usage) = ("kubernetes.io/kubelet-serving", "server auth");
                let fresh = Certificate::ask(&self.rest, &Asked { node: &self.node, signer, usage, names }).await?;
                fresh.store(&path)?;
                fresh
            }
        };
        self.certificate.set(certificate.chain.as_bytes(), certificate.key.as_bytes())?;
        certificate.renew_at().context("read the certificate's dates")
    }
}

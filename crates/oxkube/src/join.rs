//! How an agent comes to trust a cluster and to be trusted: the server's authority is checked by the token's hash, then the token buys a
//! client certificate for the node. Later starts need neither to be asked again.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use api::env::Env;
use apiserver::pki::{ServerToken, write_private};
use client::tls::{self, Http};
use client::{Connection, Identity, Rest};
use jiff::SignedDuration;

use crate::Failure;
use crate::certificate::{Asked, Certificate};
use crate::cluster_settings::ClusterSettings;
use crate::node_client::{NodeClient, Server};
use crate::server_address::Address;

/// How long a node that has never joined tries: longer, and the flags may be wrong.
const FIRST_JOIN: SignedDuration = SignedDuration::from_secs(30);
const RETRY_FIRST: Duration = Duration::from_millis(500);
const RETRY_MOST: Duration = Duration::from_secs(10);

/// Who joins what.
pub struct Joining {
    pub server: Address,
    pub token: String,
    pub node: String,
    /// Where authority and certificates are kept.
    pub folder: PathBuf,
}

/// A node that the cluster knows.
pub struct Joined {
    pub client: NodeClient,
    pub settings: ClusterSettings,
}

impl Joining {
    /// Tries until the server answers: a node that has joined before, for ever, so that machines may start in any order.
    pub async fn join(&self, env: &Env) -> Result<Joined, Failure> {
        let mut pause = RETRY_FIRST;
        let give_up = (!self.authority_path().exists()).then(|| env.now() + FIRST_JOIN);
        loop {
            match self.attempt(env).await {
                Err(Failure::Broken(error)) if give_up.is_some_and(|moment| env.now() >= moment) => {
                    return Err(Failure::Use(format!(
                        "--server: {} does not let this node join: {error:#}",
                        self.server.url()
                    )));
                }
                Err(Failure::Broken(error)) => {
                    let (server, error) = (self.server.url(), format!("{error:#}"));
                    tracing::warn!(server, error, "not joined yet, trying again in {} ms", pause.as_millis());
                }
                answer => return answer,
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY_MOST);
        }
    }

    async fn attempt(&self, env: &Env) -> Result<Joined, Failure> {
        let authority = self.authority().await?;
        let path = self.client_path();
        let (certificate, is_kept) = match Certificate::load(&path, env.now()) {
            Some(kept) => (kept, true),
            None => (self.ask(&authority).await?, false),
        };
        if !is_kept {
            // Only now: a server that does not take the token is none to be remembered.
            write_private(&self.authority_path(), authority.as_bytes(), 0o644)
                .context("keep the cluster's authority")?;
            certificate.store(&path)?;
        }
        let client = NodeClient::new(Server { url: self.server.url(), authority }, &certificate)?;
        match ClusterSettings::read(&Rest::new(client.client("kubelet"))).await {
            Ok(settings) => Ok(Joined { client, settings }),
            Err(error) if is_kept && code(&error) == Some(401) => {
                std::fs::remove_file(&path).context("remove a certificate that the server no longer takes")?;
                Err(Failure::Broken(error))
            }
            Err(error) => Err(Failure::Broken(error)),
        }
    }

    /// The cluster's authority: the token's hash vouches for it, or, with a token that has none, the first join does.
    async fn authority(&self) -> Result<String, Failure> {
        let refuse = |why: String| Failure::Use(format!("--token: {why}"));
        let token = ServerToken::parse(&self.token).map_err(|error| refuse(error.to_string()))?;
        let kept = std::fs::read_to_string(self.authority_path()).ok();
        let shown = self.server.shown_authority().await.context("reach the server")?;
        token.check(&shown).map_err(|error| refuse(error.to_string()))?;
        if kept.as_ref() == Some(&shown) {
            return Ok(shown);
        }
        match (&kept, &token.cluster) {
            (Some(_), None) => {
                let (url, folder) = (self.server.url(), self.folder.display());
                return Err(Failure::Use(format!(
                    "{url} is not the cluster this node has joined: give the whole token, or remove {folder} to join anew"
                )));
            }
            (Some(_), Some(_)) => {
                std::fs::remove_dir_all(&self.folder).context("remove the certificates of another cluster")?;
            }
            (None, None) => tracing::warn!("the token does not name its cluster: the server is trusted as it is now"),
            (None, Some(_)) => {}
        }
        Ok(shown)
    }

    fn authority_path(&self) -> PathBuf {
        self.folder.join("server-ca.crt")
    }

    /// Where the node's client certificate is kept.
    pub fn client_path(&self) -> PathBuf {
        self.folder.join(format!("client-{}.pem", self.node))
    }

    /// The node's client certificate.
    pub fn asked(&self) -> Asked {
        let (signer, usage) = ("kubernetes.io/kube-apiserver-client-kubelet", "client auth");
        Asked { node: self.node.clone(), signer, usage, names: Vec::new() }
    }

    async fn ask(&self, authority: &str) -> Result<Certificate, Failure> {
        let connection = Connection {
            server: self.server.url(),
            ca: authority.as_bytes().to_vec(),
            identity: Identity::Token(self.token.trim().to_owned()),
            ..Connection::default()
        };
        let client = tls::connect(&connection, Http::Any).context("connect with the token")?;
        Certificate::ask(&Rest::new(client), &self.asked()).await.map_err(|error| match code(&error) {
            Some(401) => Failure::Use(format!(
                "--token: {} does not know it; the right one is in DATA_DIR/server/token on the server",
                self.server.url()
            )),
            _ => Failure::Broken(error),
        })
    }
}

/// The HTTP code of a server's answer.
fn code(error: &anyhow::Error) -> Option<u16> {
    error.chain().find_map(|cause| cause.downcast_ref::<client::Error>())?.code()
}

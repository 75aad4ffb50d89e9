//! Keeps a certificate of a node: shows the one there is, and asks the cluster for another past two thirds of its life.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use api::env::Env;
use client::Rest;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::certificate::{Asked, Certificate, Unsigned};

/// After a failure that left nothing behind.
const RETRY: Duration = Duration::from_secs(5);
/// After a request that came to nothing, doubled with each further one: the cluster keeps them all for a while.
const UNSIGNED_FIRST: Duration = Duration::from_secs(10);
const UNSIGNED_MOST: Duration = Duration::from_secs(600);
/// How often its age is looked at; sleeping machines make longer waits unreliable.
const LOOK_EVERY: Duration = Duration::from_secs(3600);

/// Gives a new certificate to whom it is for.
pub type Show = Box<dyn Fn(&Certificate) -> anyhow::Result<()> + Send + Sync>;

/// Which certificate, where it is kept and who is to have it.
pub struct Renewal {
    pub asked: Asked,
    pub path: PathBuf,
    /// Speaks as the node.
    pub rest: Rest,
    pub show: Show,
    pub env: Env,
}

impl Renewal {
    /// Until `stop`.
    pub async fn keep(self, stop: CancellationToken) {
        let keeping = async {
            let mut renew_at = Timestamp::UNIX_EPOCH;
            let mut unsigned = 0;
            loop {
                let mut wait = LOOK_EVERY;
                if self.env.now() >= renew_at {
                    match self.renew().await {
                        Ok(at) => (renew_at, unsigned) = (at, 0),
                        Err(error) => {
                            wait = patience(error.is::<Unsigned>(), &mut unsigned);
                            let (error, signer, seconds) = (format!("{error:#}"), self.asked.signer, wait.as_secs());
                            tracing::warn!(error, signer, seconds, "the node has no new certificate, trying again");
                        }
                    }
                }
                tokio::time::sleep(wait).await;
            }
        };
        stop.run_until_cancelled(keeping).await;
    }

    /// Shows the kept one, and a new one when it is time; says when the next is to be asked for.
    async fn renew(&self) -> anyhow::Result<Timestamp> {
        if let Some(kept) = Certificate::load(&self.path, self.env.now()) {
            (self.show)(&kept)?;
            let renew_at = kept.renew_at().context("read the certificate's dates")?;
            if self.env.now() < renew_at {
                return Ok(renew_at);
            }
        }
        let fresh = self.ask().await?;
        fresh.store(&self.path).context(Unsigned::Unkept)?;
        (self.show)(&fresh)?;
        tracing::info!(signer = self.asked.signer, "the node has a new certificate");
        fresh.renew_at().context("read the certificate's dates")
    }

    /// Where its addresses are another node's as well, as behind routers that hide them, a node serves under its name alone: the API server
    /// goes by that.
    async fn ask(&self) -> anyhow::Result<Certificate> {
        let all = &self.asked;
        match Certificate::ask(&self.rest, all).await {
            Err(error) if all.names.len() > 1 && is_of_addresses(&error) => {
                tracing::warn!(error = format!("{error:#}"), "asking for a certificate for the node's name alone");
                Certificate::ask(&self.rest, &Asked { names: vec![all.names[0].clone()], ..all.clone() }).await
            }
            answer => answer,
        }
    }
}

fn is_of_addresses(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Unsigned>().is_some_and(Unsigned::is_of_addresses)
}

/// How long until it is tried again; `before`: so many requests in a row came to nothing.
fn patience(unsigned: bool, before: &mut u32) -> Duration {
    if !unsigned {
        return RETRY;
    }
    let wait = UNSIGNED_FIRST.saturating_mul(2_u32.saturating_pow(*before)).min(UNSIGNED_MOST);
    *before = before.saturating_add(1);
    wait
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_that_come_to_nothing_are_made_ever_more_rarely() {
        let mut before = 0;
        let waits: Vec<u64> = (0..8).map(|_| patience(true, &mut before).as_secs()).collect();
        assert_eq!(waits, [10, 20, 40, 80, 160, 320, 600, 600]);
        assert_eq!(patience(false, &mut before), RETRY, "a server that is away leaves no requests");
        assert_eq!(before, 8);
    }
}

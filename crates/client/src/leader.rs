//! Leader election over a Lease, as upstream's resource lock does it: whoever holds and renews it leads; the clock is the
//! candidate's own, so skew between machines does not matter.

use std::time::Duration;

use api::env::Env;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::error::{Error, Result};
use crate::resource::{ObjectKey, ResourceType};
use crate::rest::Rest;

/// Upstream's defaults: 15 s, 10 s, 2 s.
#[derive(Debug, Clone)]
pub struct Election {
    pub namespace: String,
    pub lease: String,
    pub identity: String,
    pub lease_duration: Duration,
    pub renew_deadline: Duration,
    pub retry_period: Duration,
}

impl Election {
    /// An election for a component in kube-system.
    pub fn new(lease: impl Into<String>, identity: impl Into<String>) -> Self {
        Self {
            namespace: "kube-system".to_owned(),
            lease: lease.into(),
            identity: identity.into(),
            lease_duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry_period: Duration::from_secs(2),
        }
    }
}

/// A candidate, then perhaps the leader.
pub struct Candidate {
    election: Election,
    rest: Rest,
    env: Env,
    /// The record last seen, and when it was first seen that way.
    observed: Option<(Value, Instant)>,
}

impl Candidate {
    pub fn new(election: Election, client: kube::Client, env: Env) -> Self {
        Self { election, rest: Rest::new(client), env, observed: None }
    }

    /// Waits until this candidate leads.
    pub async fn acquire(&mut self) {
        loop {
            match self.try_acquire().await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => tracing::warn!(lease = self.election.lease, %error, "leader election"),
            }
            tokio::time::sleep(self.jittered()).await;
        }
    }

    /// Keeps the lead; returns when it is lost.
    pub async fn renew(&mut self) {
        let mut renewed = Instant::now();
        loop {
            tokio::time::sleep(self.election.retry_period).await;
            match self.try_acquire().await {
                Ok(true) => renewed = Instant::now(),
                Ok(false) => return,
                Err(error) => tracing::warn!(lease = self.election.lease, %error, "renewing the lead"),
            }
            if renewed.elapsed() >= self.election.renew_deadline {
                return;
            }
        }
    }

    /// Gives the lead back, so that another need not wait for it to run out.
    pub async fn release(&mut self) -> Result<()> {
        let Some(mut lease) = self.rest.find(&resource(), &self.key()).await? else { return Ok(()) };
        if lease["spec"]["holderIdentity"].as_str() != Some(&self.election.identity) {
            return Ok(());
        }
        lease["spec"]["holderIdentity"] = json!("");
        lease["spec"]["leaseDurationSeconds"] = json!(1);
        self.rest.update(&resource(), &self.key(), None, &lease).await.map(drop)
    }

    async fn try_acquire(&mut self) -> Result<bool> {
        let now = self.env.now();
        let Some(mut lease) = self.rest.find(&resource(), &self.key()).await? else {
            let object = json!({
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": self.election.lease, "namespace": self.election.namespace},
                "spec": self.spec(now, now, 0),
            });
            return won(self.rest.create(&resource(), &self.election.namespace, &object).await);
        };
        if self.observed.as_ref().is_none_or(|(spec, _)| *spec != lease["spec"]) {
            self.observed = Some((lease["spec"].clone(), Instant::now()));
        }
        let holder = lease["spec"]["holderIdentity"].as_str().unwrap_or_default();
        let is_ours = holder == self.election.identity;
        if !is_ours && !holder.is_empty() && !self.has_run_out() {
            return Ok(false);
        }
        let transitions = lease["spec"]["leaseTransitions"].as_i64().unwrap_or(0);
        let acquired = lease["spec"]["acquireTime"].as_str().and_then(|text| text.parse().ok());
        lease["spec"] = match acquired {
            Some(acquired) if is_ours => self.spec(now, acquired, transitions),
            _ => self.spec(now, now, transitions + 1),
        };
        won(self.rest.update(&resource(), &self.key(), None, &lease).await)
    }

    fn has_run_out(&self) -> bool {
        let Some((spec, since)) = &self.observed else { return false };
        let seconds = spec["leaseDurationSeconds"].as_u64().unwrap_or(0);
        since.elapsed() > Duration::from_secs(seconds)
    }

    fn spec(&self, now: Timestamp, acquired: Timestamp, transitions: i64) -> Value {
        json!({
            "holderIdentity": self.election.identity,
            "leaseDurationSeconds": self.election.lease_duration.as_secs(),
            "acquireTime": micro_time(acquired),
            "renewTime": micro_time(now),
            "leaseTransitions": transitions,
        })
    }

    fn key(&self) -> ObjectKey {
        ObjectKey::new(&self.election.namespace, &self.election.lease)
    }

    /// The retry period, stretched by up to 1.2 times itself, so that candidates spread.
    fn jittered(&self) -> Duration {
        let fraction = (self.env.random_u64() % 1000) as f64 / 1000.0;
        self.election.retry_period.mul_f64(1.0 + 1.2 * fraction)
    }
}

fn resource() -> ResourceType {
    ResourceType::of::<Lease>()
}

fn micro_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

/// Losing the race to another candidate is no error.
fn won(result: Result<Value, Error>) -> Result<bool> {
    match result {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some(409) => Ok(false),
        Err(error) => Err(error),
    }
}

//! Servers under the same load in turn: what each round cost, how fast it was, how long each request took.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use super::api_client::{Client, Login};
use super::figures::{Samples, figure};
use super::load::{self, Load, Until};
use super::operation::Operation;
use super::{API, null_server, processes};

const CONNECTIONS: usize = 4;

/// A server and the connections to it.
pub struct Target {
    pub clients: Vec<Client>,
    pub processes: Vec<PathBuf>,
}

/// The rounds of one operation on one server.
#[derive(Default)]
pub struct Rounds {
    /// Microseconds of processor time per request, or per megabyte of a list.
    pub cost: Vec<f64>,
    /// Requests per second.
    pub rate: Vec<f64>,
    pub latency: Vec<Duration>,
}

impl Target {
    /// The binary under test and the null server, each with connections of its own.
    pub async fn both(login: Login<'_>, null: u32) -> Result<[Self; 2]> {
        let address = format!("127.0.0.1:{}", null_server::PORT);
        Ok([
            Self::connect(API, login, processes::ours()?).await?,
            Self::connect(&address, login, vec![format!("/proc/{null}").into()]).await?,
        ])
    }

    async fn connect(address: &str, login: Login<'_>, processes: Vec<PathBuf>) -> Result<Self> {
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS {
            clients.push(load::patiently(address, login).await?);
        }
        Ok(Self { clients, processes })
    }

    /// One round.
    pub async fn round(
        &self,
        load: &Load,
        (operation, at_once): (Operation, usize),
        window: Duration,
        rounds: &mut Rounds,
    ) -> Result<()> {
        let before = processes::processor_microseconds(&self.processes)?;
        let done = load.run(&self.clients, operation, at_once, Until::Elapsed(window)).await?;
        let used = processes::processor_microseconds(&self.processes)? - before;
        let units = if operation.is_list() { done.bytes as f64 / 1e6 } else { done.times.len() as f64 };
        rounds.cost.push(used / units);
        rounds.rate.push(done.times.len() as f64 / done.elapsed.as_secs_f64());
        rounds.latency.extend(done.times);
        Ok(())
    }
}

impl Rounds {
    /// What one request cost, round by round.
    pub fn cost(&self) -> Samples {
        Samples::new(self.cost.iter().copied())
    }
}

/// `least 12.3 us, median 14.5 us`
pub fn microseconds(cost: &Samples) -> String {
    format!("least {} us, median {} us", figure(cost.least()), figure(cost.median()))
}

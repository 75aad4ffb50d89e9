//! What a request costs beside a server that does nothing: the same client, in turns, the least and the median of all rounds. The client
//! takes part in the machine's time, so rates are of both; processor time is the server's alone.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::api_client::Login;
use super::figures::{Samples, figure};
use super::load::{self, Load, Until};
use super::operation::Operation;
use super::table::Row;
use super::turns::{Rounds, Target, microseconds};
use super::{Measure, clients, null_server};
use crate::cluster::Cluster;

pub const MEASURE: Measure = Measure { name: "requests", shows: "Requests, durable where they write", run };

const ROUNDS: usize = 10;
const WARM_UP: Duration = Duration::from_secs(1);
const WINDOW: Duration = Duration::from_secs(2);
const FLUSHES: usize = 100;

/// What is measured: an operation, how many clients at once, the goal for the processor time as a multiple of the null server's.
const KINDS: [(&str, Operation, usize, f64); 4] = [
    ("create, 1 client", Operation::Create, 1, 0.0),
    ("create, 64 clients", Operation::Create, 64, 2.0),
    ("get, 1 client", Operation::Get, 1, 0.0),
    ("get, 64 clients", Operation::Get, 64, 1.3),
];

/// Of one server, kind by kind.
type AllRounds = [Rounds; KINDS.len()];

fn run(folder: &Path) -> Result<Vec<Row>> {
    let cluster = Cluster::start_with(folder, &["--disable-agent"])?;
    let mut child = null_server::start()?;
    let ([ours, null], flush) = clients()?.block_on(all_rounds(&cluster, child.id(), folder))?;
    child.kill()?;
    child.wait()?;
    cluster.uninstall()?;
    Ok(KINDS
        .iter()
        .zip(ours.iter().zip(&null))
        .flat_map(|(kind, (ours, null))| rows(kind, ours, null, &flush))
        .collect())
}

async fn all_rounds(cluster: &Cluster, null: u32, folder: &Path) -> Result<([AllRounds; 2], Samples)> {
    let kubeconfig = cluster.at("kubeconfig");
    let targets = Target::both(Login::Certificate(Path::new(&kubeconfig)), null).await?;
    let (mut flushes, mut rounds) = (Vec::new(), <[AllRounds; 2]>::default());
    let load = Load::new();
    for target in &targets {
        load.run(&target.clients, Operation::Create, 16, Until::Elapsed(WARM_UP)).await?;
    }
    for _ in 0..ROUNDS {
        flushes.extend(load::flushes(&folder.join("flushes"), FLUSHES)?);
        for (at, (_, operation, clients, _)) in KINDS.iter().enumerate() {
            for (target, rounds) in targets.iter().zip(&mut rounds) {
                target.round(&load, (*operation, *clients), WINDOW, &mut rounds[at]).await?;
            }
        }
    }
    Ok((rounds, Samples::of_durations(&flushes)))
}

fn rows(
    (what, operation, clients, limit): &(&str, Operation, usize, f64),
    ours: &Rounds,
    null: &Rounds,
    flush: &Samples,
) -> Vec<Row> {
    let rate = |rounds: &Rounds| Samples::new(rounds.rate.iter().copied());
    let (here, there) = (ours.cost(), null.cost());
    let mut processor = Row::new(&format!("{what}: processor time"), microseconds(&here)).beside(
        format!("null {}", microseconds(&there)),
        here.least(),
        there.least(),
    );
    if *limit > 0.0 {
        processor = processor.goal(&format!("at most {limit} times null"), here.least(), limit * there.least());
    }
    let (ours_ms, null_ms) = (Samples::of_durations(&ours.latency), Samples::of_durations(&null.latency));
    let (mut floor, mut beside) = (null_ms.median(), format!("null {}", null_ms.milliseconds()));
    if *operation == Operation::Create && *clients == 1 {
        floor += flush.median();
        beside += &format!(", fdatasync p50 {} ms", figure(flush.median()));
    }
    let latency = Row::new(&format!("{what}: latency"), ours_ms.milliseconds()).beside(beside, ours_ms.median(), floor);
    let (here, there) = (rate(ours).median(), rate(null).median());
    let rate = Row::new(&format!("{what}: rate"), format!("{} per second", figure(here)));
    vec![processor, latency, rate.beside(format!("null {} per second", figure(there)), here, there)]
}

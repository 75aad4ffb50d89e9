//! What a request costs beside a server that does nothing: the same client, in turns, the least and the median of all rounds. The client
//! takes part in the machine's time, so rates are of both; processor time is the server's alone.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use http::Method;

use super::api_client::Client;
use super::figures::{Samples, figure};
use super::load::{self, Load};
use super::table::Row;
use super::{API, Measure, clients, null_server, processes};
use crate::cluster::Cluster;

pub const MEASURE: Measure = Measure { name: "requests", shows: "Requests, durable where they write", run };

const ROUNDS: usize = 10;
const CONNECTIONS: usize = 4;
const WARM_UP: Duration = Duration::from_secs(1);
const WINDOW: Duration = Duration::from_secs(2);
const FLUSHES: usize = 100;

/// What is measured: a verb, how many clients at once, the goal for the processor time as a multiple of the null server's.
const KINDS: [(&str, Method, usize, f64); 4] = [
    ("create, 1 client", Method::POST, 1, 0.0),
    ("create, 64 clients", Method::POST, 64, 2.0),
    ("get, 1 client", Method::GET, 1, 0.0),
    ("get, 64 clients", Method::GET, 64, 1.3),
];

/// One server's rounds of one kind: the processor time and the rate of each, all latencies.
#[derive(Default)]
struct Rounds {
    cost: Vec<f64>,
    rate: Vec<f64>,
    latency: Vec<Duration>,
}

struct Target {
    clients: Vec<Client>,
    processes: Vec<PathBuf>,
    kinds: [Rounds; KINDS.len()],
}

fn run(folder: &Path) -> Result<Vec<Row>> {
    let cluster = Cluster::start_with(folder, &["--disable-agent"])?;
    let mut child = null_server::start()?;
    let (ours, null, flush) = clients()?.block_on(all_rounds(&cluster, child.id(), folder))?;
    child.kill()?;
    child.wait()?;
    cluster.uninstall()?;
    let (ours, null) = (ours.kinds, null.kinds);
    Ok(KINDS
        .iter()
        .zip(ours.iter().zip(&null))
        .flat_map(|(kind, (ours, null))| rows(kind, ours, null, &flush))
        .collect())
}

async fn all_rounds(cluster: &Cluster, null: u32, folder: &Path) -> Result<(Target, Target, Samples)> {
    let kubeconfig = cluster.at("kubeconfig");
    let address = format!("127.0.0.1:{}", null_server::PORT);
    let mut targets = [
        Target::connect(API, &kubeconfig, processes::ours()?).await?,
        Target::connect(&address, &kubeconfig, vec![format!("/proc/{null}").into()]).await?,
    ];
    let mut flushes = Vec::new();
    let mut load = Load::new();
    for target in &targets {
        load.run(&target.clients, Method::POST, 16, WARM_UP).await?;
    }
    for _ in 0..ROUNDS {
        flushes.extend(load::flushes(&folder.join("flushes"), FLUSHES)?);
        for (at, (_, method, clients, _)) in KINDS.iter().enumerate() {
            for target in &mut targets {
                target.round(&mut load, at, method, *clients).await?;
            }
        }
    }
    let [ours, null] = targets;
    Ok((ours, null, Samples::of_durations(&flushes)))
}

impl Target {
    async fn connect(address: &str, kubeconfig: &str, processes: Vec<PathBuf>) -> Result<Self> {
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS {
            clients.push(load::patiently(address, Path::new(kubeconfig)).await?);
        }
        Ok(Self { clients, processes, kinds: Default::default() })
    }

    async fn round(&mut self, load: &mut Load, at: usize, method: &Method, clients: usize) -> Result<()> {
        let before = processes::processor_microseconds(&self.processes)?;
        let (latency, elapsed) = load.run(&self.clients, method.clone(), clients, WINDOW).await?;
        let used = processes::processor_microseconds(&self.processes)? - before;
        let rounds = &mut self.kinds[at];
        rounds.cost.push(used / latency.len() as f64);
        rounds.rate.push(latency.len() as f64 / elapsed.as_secs_f64());
        rounds.latency.extend(latency);
        Ok(())
    }
}

fn rows(
    (what, method, clients, limit): &(&str, Method, usize, f64),
    ours: &Rounds,
    null: &Rounds,
    flush: &Samples,
) -> Vec<Row> {
    let cost = |rounds: &Rounds| Samples::new(rounds.cost.iter().copied());
    let rate = |rounds: &Rounds| Samples::new(rounds.rate.iter().copied());
    let text = |cost: &Samples| format!("least {} us, median {} us", figure(cost.least()), figure(cost.median()));
    let (here, there) = (cost(ours), cost(null));
    let mut processor = Row::new(&format!("{what}: processor time"), text(&here)).beside(
        format!("null {}", text(&there)),
        here.least(),
        there.least(),
    );
    if *limit > 0.0 {
        processor = processor.goal(&format!("at most {limit} times null"), here.least(), limit * there.least());
    }
    let (ours_ms, null_ms) = (Samples::of_durations(&ours.latency), Samples::of_durations(&null.latency));
    let (mut floor, mut beside) = (null_ms.median(), format!("null {}", null_ms.milliseconds()));
    if method == Method::POST && *clients == 1 {
        floor += flush.median();
        beside += &format!(", fdatasync p50 {} ms", figure(flush.median()));
    }
    let latency = Row::new(&format!("{what}: latency"), ours_ms.milliseconds()).beside(beside, ours_ms.median(), floor);
    let (here, there) = (rate(ours).median(), rate(null).median());
    let rate = Row::new(&format!("{what}: rate"), format!("{} per second", figure(here)));
    vec![processor, latency, rate.beside(format!("null {} per second", figure(there)), here, there)]
}

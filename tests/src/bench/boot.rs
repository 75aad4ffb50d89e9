//! How long a start takes: from the process to `/readyz`, and to a node that is Ready; with nothing there, and with a cluster's data there.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use http::Method;
use serde_json::Value;

use super::api_client::Client;
use super::figures::Samples;
use super::table::Row;
use super::{API, Measure, clients, processes};
use crate::cluster::{Cluster, oxkube};
use crate::process::succeed;

pub const MEASURE: Measure =
    Measure { name: "boot", shows: "Start, with an empty data directory and with a cluster's data", run };

const ROUNDS: usize = 10;
const LOOK_EVERY: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(30);

/// Times of every round: first byte of the process to what was waited for.
#[derive(Default)]
struct Times {
    ready: Vec<Duration>,
    node: Vec<Duration>,
}

fn run(folder: &Path) -> Result<Vec<Row>> {
    let clients = clients()?;
    let (mut fresh, mut again, mut process) = (Times::default(), Times::default(), Vec::new());
    for _ in 0..ROUNDS {
        process.push(version()?);
        let mut cluster = Cluster::stopped(folder, &[])?;
        let lease = clients.block_on(boot(&mut cluster, &mut fresh, &Value::Null))?;
        cluster.stop_server()?;
        // As after a reboot: nothing runs, the data is there.
        processes::kill_all()?;
        clients.block_on(boot(&mut cluster, &mut again, &lease))?;
        cluster.uninstall()?;
    }
    let process = Samples::of_durations(&process);
    let row = |what: &str, times: &[Duration], goal: &str, limit: f64| {
        let samples = Samples::of_durations(times);
        let beside = format!("`oxkube version` {}", process.milliseconds());
        let median = samples.median();
        Row::new(what, samples.milliseconds()).beside(beside, median, process.median()).goal(goal, median, limit)
    };
    Ok(vec![
        row("start to `/readyz`, empty", &fresh.ready, "p50 under 300 ms", 300.0),
        row("start to `/readyz`, with data", &again.ready, "p50 under 300 ms", 300.0),
        row("start to node Ready, empty", &fresh.node, "p50 under 1 s", 1000.0),
        row("start to node Ready, with data", &again.node, "p50 under 1 s", 1000.0),
    ])
}

/// Starts the server and waits until the node is Ready and its kubelet has renewed its Lease since `lease`: a node that was Ready before
/// says so until somebody finds that it is not. Gives the time of the renewal.
async fn boot(cluster: &mut Cluster, times: &mut Times, lease: &Value) -> Result<Value> {
    let start = Instant::now();
    cluster.spawn_server()?;
    tokio::time::timeout(PATIENCE, ready()).await.context("/readyz was not ok in time")?;
    times.ready.push(start.elapsed());
    let client = Client::administrator(API, Path::new(&cluster.at("kubeconfig"))).await?;
    let node_ready = tokio::time::timeout(PATIENCE, node_ready(&client, lease));
    let renewed = node_ready.await.context("the node was not Ready in time")??;
    times.node.push(start.elapsed());
    Ok(renewed)
}

/// Times of starts on an empty data directory to `/readyz`, and of the same program doing nothing, in turn.
pub(super) fn empty_starts(folder: &Path, rounds: usize, flags: &[&str]) -> Result<(Samples, Samples)> {
    let clients = clients()?;
    let (mut starts, mut process) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        process.push(version()?);
        let mut cluster = Cluster::stopped(folder, flags)?;
        let start = Instant::now();
        cluster.spawn_server()?;
        let answered = clients.block_on(async { tokio::time::timeout(PATIENCE, ready()).await });
        answered.context("/readyz was not ok in time")?;
        starts.push(start.elapsed());
        cluster.uninstall()?;
    }
    Ok((Samples::of_durations(&starts), Samples::of_durations(&process)))
}

/// How long `oxkube version` takes.
fn version() -> Result<Duration> {
    let start = Instant::now();
    succeed(Command::new(oxkube()?).arg("version"))?;
    Ok(start.elapsed())
}

/// Asks until the answer is 200; a connection that is refused or broken is tried again.
async fn ready() {
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        look.tick().await;
        let Ok(client) = Client::anonymous(API).await else { continue };
        while let Ok((status, _)) = client.send(Method::GET, "/readyz", bytes::Bytes::new()).await {
            if status == 200 {
                return;
            }
            look.tick().await;
        }
    }
}

async fn node_ready(client: &Client, lease: &Value) -> Result<Value> {
    let mut nodes = client.watch("/api/v1/nodes?watch=true").await?;
    nodes.until(|node| condition(node, "Ready") == "True").await?;
    let mut leases = client.watch("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases?watch=true").await?;
    Ok(leases.until(|held| held["spec"]["renewTime"] != *lease).await?["spec"]["renewTime"].take())
}

fn condition<'a>(object: &'a Value, name: &str) -> &'a str {
    let conditions = object["status"]["conditions"].as_array();
    let found = conditions.into_iter().flatten().find(|condition| condition["type"] == name);
    found.and_then(|condition| condition["status"].as_str()).unwrap_or_default()
}

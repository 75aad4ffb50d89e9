//! The edge process is killed under DNS questions: they wait in the sockets that outlive it, and the next edge answers them.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{Story, Tier};
use crate::cluster::Cluster;
use crate::dns;
use crate::load::Load;
use crate::process::{run, wait_for};

pub const STORY: Story = Story {
    name: "kill_edge",
    shows: "kill -9 of the edge, also after a kill of the server: no DNS question is refused, all are answered",
    tier: Tier::Ci,
    deadline_seconds: 120,
    run: story,
};

const NAME: &str = "kubernetes.default.svc.cluster.local";
const ROUNDS: usize = 3;
const PERIOD: Duration = Duration::from_millis(10);

fn story(folder: &Path) -> Result<()> {
    let mut cluster = Cluster::start(folder)?;
    wait_for("the name", Duration::from_secs(30), resolves)?;
    let asking = Load::new().client(PERIOD, resolves).client(PERIOD, resolves);
    asking.wait_done(20)?;
    for round in 0..ROUNDS {
        kill_it(&cluster).with_context(|| format!("kill number {round}"))?;
    }
    // The next server finds the edge and its sockets.
    let before = recorded(&cluster)?;
    cluster.kill_server()?;
    cluster.start_server()?;
    cluster.wait_ready("node-1")?;
    ensure!(recorded(&cluster)? == before, "the edge did not outlive the server");
    kill_it(&cluster).context("after another server")?;
    let done = asking.stop().context("DNS questions")?;
    println!("{done} questions, none refused");
    cluster.uninstall()
}

fn resolves() -> Result<()> {
    let found = dns::ask_as_resolvers_do(SocketAddr::from(([10, 43, 0, 10], 53)), NAME)?;
    ensure!(found.to_string() == "10.43.0.1", "DNS gave {found}");
    Ok(())
}

fn recorded(cluster: &Cluster) -> Result<String> {
    let file = cluster.folder.join("data/edge/pid");
    fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))
}

/// Kills it and waits for another that answers.
fn kill_it(cluster: &Cluster) -> Result<()> {
    let before = recorded(cluster)?;
    run("kill", &["-KILL", before.split(' ').next().context("a pid")?])?;
    resolves().context("right after it was killed")?;
    wait_for("another edge", Duration::from_secs(10), || {
        let now = recorded(cluster)?;
        ensure!(now != before, "it is still {now}");
        Ok(())
    })
}

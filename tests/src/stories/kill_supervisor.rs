//! The parent of the containers is killed: they live on, a new one adopts them, and everything that is asked of them works.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{Story, Tier};
use crate::cluster::Cluster;
use crate::process::{containers, run, wait_for};

pub const STORY: Story = Story {
    name: "kill_supervisor",
    shows: "kill -9 of the supervisor: containers keep their containers, logs and exec go on, and who dies later is restarted",
    tier: Tier::Ci,
    deadline_seconds: 150,
    run: story,
};

/// It counts without a break, so that a lost line shows.
const POD: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: counts}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: busybox
    command: ["sh", "-c", "n=0; while true; do n=$((n+1)); echo $n; sleep 0.05; done"]
  - name: sleeps
    image: busybox
    command: ["sleep", "434343"]
"#;
const COUNTER: &str = "sh -c n=0;";
const SLEEPER: &str = "sleep 434343";
const ROUNDS: usize = 3;

fn story(folder: &Path) -> Result<()> {
    let cluster = Cluster::start(folder)?;
    cluster.apply(POD)?;
    cluster.kubectl(&["wait", "--for=condition=Ready", "pod/counts", "--timeout=60s"])?;
    let before = (containers(COUNTER)?, containers(SLEEPER)?);
    ensure!(before.0.len() == 1 && before.1.len() == 1, "the containers' processes are {before:?}");
    for round in 0..ROUNDS {
        kill_it(&cluster).with_context(|| format!("kill number {round}"))?;
        let after = (containers(COUNTER)?, containers(SLEEPER)?);
        ensure!(before == after, "the containers' processes were {before:?} and are {after:?}");
    }
    counts_on(&cluster)?;
    let restarts = "{.status.containerStatuses[*].restartCount}";
    cluster.wait_value("pod/counts", restarts, "0 0", 1)?;
    run("pkill", &["-KILL", "-f", &format!("^{SLEEPER}$")])?;
    cluster.wait_value("pod/counts", restarts, "0 1", 30).context("a container killed after it")?;
    cluster.kubectl(&["wait", "--for=condition=Ready", "pod/counts", "--timeout=60s"])?;
    ensure!(containers(COUNTER)? == before.0, "the other container is another one");
    cluster.kubectl(&["delete", "pod", "counts", "--timeout=30s"])?;
    cluster.uninstall()
}

/// Kills it and asks at once: who asks waits for the new one.
fn kill_it(cluster: &Cluster) -> Result<()> {
    let file = cluster.folder.join("data/run/supervisor.pid");
    let first = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
    let pid = first.split(' ').next().context("a pid")?;
    run("kill", &["-KILL", pid])?;
    let printed = cluster.kubectl(&["exec", "counts", "-c", "main", "--", "echo", "adopted"])?;
    ensure!(printed == "adopted\n", "exec printed {printed:?}");
    let second = fs::read_to_string(&file)?;
    ensure!(second != first, "the supervisor is still {first}");
    let last = last_line(cluster)?;
    wait_for("the log to grow", Duration::from_secs(10), || {
        let now = last_line(cluster)?;
        ensure!(now > last, "its last line is {now}");
        Ok(())
    })
}

fn last_line(cluster: &Cluster) -> Result<u32> {
    // It counts on between the place of the last line being found and the end being read: there may be more than one.
    let lines = cluster.kubectl(&["logs", "counts", "-c", "main", "--tail=1"])?;
    lines.lines().last().and_then(|line| line.parse().ok()).with_context(|| format!("the last line is {lines:?}"))
}

/// No line is lost or doubled.
fn counts_on(cluster: &Cluster) -> Result<()> {
    let log = cluster.kubectl(&["logs", "counts", "-c", "main"])?;
    let numbers: Vec<u32> = log.lines().map(str::parse).collect::<Result<_, _>>()?;
    let gap = numbers.windows(2).find(|pair| pair[1] != pair[0] + 1);
    ensure!(gap.is_none() && numbers.first() == Some(&1), "the log has {gap:?} next to each other");
    Ok(())
}

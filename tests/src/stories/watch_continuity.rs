//! Watches of other people's clients go on across kills of the server: from the revision they had, with nothing lost and nothing twice.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::{Story, Tier};
use crate::cluster::{Cluster, beside_kubectl};
use crate::listener::Listener;
use crate::process::rest_of;
use crate::seed::Seed;
use crate::writes::Writes;

pub const STORY: Story = Story {
    name: "watch_continuity",
    shows: "client-go's informer and kube-rs' watcher follow writes across five kills of the server: no list, no gap, no event twice",
    tier: Tier::Ci,
    deadline_seconds: 200,
    run: |folder| run(folder, 5),
};

pub const OFTEN: Story = Story {
    name: "watch_continuity_often",
    shows: "as watch_continuity, fifty times",
    tier: Tier::Nightly,
    deadline_seconds: 900,
    run: |folder| run(folder, 50),
};

/// The server is killed at most this long after both have heard of a write again: before that, clients list by their own rules (client-go
/// after a request that broke off before its answer, and after a watch of less than a second that brought nothing).
const LONGEST_MS: u64 = 1000;

fn run(folder: &Path, rounds: u32) -> Result<()> {
    let mut seed = Seed::new()?;
    let mut cluster = Cluster::start(folder)?;
    let listeners = [
        Listener::start(&cluster, "informer", &beside_kubectl("informer")?, &[])?,
        Listener::start(&cluster, "kube-watcher", &std::env::current_exe()?, &["kube-watcher"])?,
    ];
    let writes = Writes::start(&cluster)?;
    hear(&listeners, writes.newest()? + 1)?;
    for round in 0..rounds {
        let moment = Duration::from_millis(seed.below(LONGEST_MS));
        println!("round {round}: killed after {} ms of watching", moment.as_millis());
        rest_of(moment, Instant::now());
        cluster.kill_server()?;
        let newest = writes.newest()?;
        cluster.start_server().with_context(|| format!("start after round {round}"))?;
        hear(&listeners, newest + 1).with_context(|| format!("after round {round}"))?;
    }
    let acknowledged = writes.stop()?;
    let newest = acknowledged.iter().map(|write| write.revision).max().unwrap_or_default();
    hear(&listeners, newest)?;
    for listener in listeners {
        listener.end(&acknowledged)?;
    }
    cluster.uninstall()
}

fn hear(listeners: &[Listener], revision: u64) -> Result<()> {
    listeners.iter().try_for_each(|listener| listener.wait_heard(revision))
}

//! CronJobs over several minutes: each fires every minute, and only as many finished Jobs stay as its limits say.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{Story, Tier};
use crate::cluster::Cluster;
use crate::process::wait_for;

pub const STORY: Story = Story {
    name: "cronjob_history",
    shows: "two CronJobs fire every minute, one succeeds and one fails: their Jobs are named by the minute and trimmed to the limits",
    tier: Tier::Nightly,
    deadline_seconds: 420,
    run,
};

const CRON_JOBS: &str = r#"
apiVersion: batch/v1
kind: CronJob
metadata: {name: good}
spec:
  schedule: "*/1 * * * *"
  successfulJobsHistoryLimit: 2
  jobTemplate:
    spec:
      backoffLimit: 0
      template:
        spec:
          restartPolicy: Never
          containers: [{name: main, image: busybox, command: ["true"]}]
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: bad}
spec:
  schedule: "*/1 * * * *"
  failedJobsHistoryLimit: 1
  jobTemplate:
    spec:
      backoffLimit: 0
      template:
        spec:
          restartPolicy: Never
          containers: [{name: main, image: busybox, command: ["false"]}]
"#;
/// More than any limit, so that something has to go.
const FIRINGS: usize = 4;

fn run(folder: &Path) -> Result<()> {
    let cluster = Cluster::start(folder)?;
    cluster.apply(CRON_JOBS)?;
    let (mut good, mut bad) = (BTreeSet::new(), BTreeSet::new());
    wait_for("the CronJobs to fire", Duration::from_secs(60 * (FIRINGS as u64 + 1)), || {
        good.extend(minutes(&cluster, "good")?);
        bad.extend(minutes(&cluster, "bad")?);
        ensure!(good.len() >= FIRINGS && bad.len() >= FIRINGS, "they fired in the minutes {good:?} and {bad:?}");
        Ok(())
    })?;
    ensure!(without_gap(&good) && without_gap(&bad), "they fired in the minutes {good:?} and {bad:?}");
    kept(&cluster, "good", "Complete", &good, 2)?;
    kept(&cluster, "bad", "Failed", &bad, 1)?;
    let success = cluster.kubectl(&["get", "cronjob", "-o", "jsonpath={.items[*].status.lastSuccessfulTime}"])?;
    ensure!(success.split_whitespace().count() == 1, "lastSuccessfulTime of both are {success:?}");
    cluster.kubectl(&["delete", "cronjob", "good", "bad"])?;
    wait_for("their Jobs and Pods to go with them", Duration::from_secs(30), || {
        let left = cluster.kubectl(&["get", "jobs,pods", "-o", "name"])?;
        ensure!(left.is_empty(), "left are {left}");
        Ok(())
    })?;
    cluster.uninstall()
}

/// A Job is called after its CronJob and the minute, counted from 1970, that it was meant for.
fn minutes(cluster: &Cluster, name: &str) -> Result<Vec<u64>> {
    let jobs = cluster.kubectl(&["get", "jobs", "-o", "jsonpath={.items[*].metadata.name}"])?;
    let numbers = jobs.split_whitespace().filter_map(|job| job.strip_prefix(name)?.strip_prefix('-'));
    numbers.map(|number| number.parse().with_context(|| format!("the end of a Job's name, {number:?}"))).collect()
}

fn without_gap(minutes: &BTreeSet<u64>) -> bool {
    minutes.iter().zip(minutes.iter().skip(1)).all(|(one, next)| one + 1 == *next)
}

/// The newest `limit` finished Jobs are there with their Pods; the others went with theirs.
fn kept(cluster: &Cluster, name: &str, condition: &str, fired: &BTreeSet<u64>, limit: usize) -> Result<()> {
    let newest = fired.last().context("it fired")?;
    let object = format!("job/{name}-{newest}");
    cluster.kubectl(&["wait", &format!("--for=condition={condition}"), &object, "--timeout=30s"])?;
    let expected: Vec<String> = fired.iter().rev().take(limit).rev().map(|minute| format!("{name}-{minute}")).collect();
    wait_for(&format!("the Jobs of {name} to be trimmed"), Duration::from_secs(20), || {
        let jobs = minutes(cluster, name)?.iter().map(|minute| format!("{name}-{minute}")).collect::<BTreeSet<_>>();
        ensure!(jobs.iter().eq(&expected), "they are {jobs:?}, not {expected:?}");
        let owners =
            cluster.kubectl(&["get", "pods", "-o", "jsonpath={.items[*].metadata.ownerReferences[0].name}"])?;
        let owners: BTreeSet<&str> = owners.split_whitespace().filter(|owner| owner.starts_with(name)).collect();
        ensure!(owners.iter().eq(&expected), "Pods are of {owners:?}, not of {expected:?}");
        Ok(())
    })
}

//! The mission's manifests as they stand: Deployment, ReplicaSet, Job, CronJob, DaemonSet, Services.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::{Story, Tier};
use crate::cluster::Cluster;
use crate::process::{run, wait_for};

pub const STORY: Story = Story {
    name: "workloads",
    shows: "the fixtures run unchanged: ready Deployment with enforced resources, adopting ReplicaSet, Job with its log, CronJob, DaemonSet",
    tier: Tier::Ci,
    deadline_seconds: 240,
    run: story,
};

fn story(folder: &Path) -> Result<()> {
    let cluster = Cluster::start(folder)?;
    deployment(&cluster).context("deployment.yaml")?;
    replica_set(&cluster).context("replicaset.yaml")?;
    job(&cluster).context("job.yaml")?;
    cron_job(&cluster).context("cronjob.yaml")?;
    daemon_set(&cluster).context("daemonset.yaml")?;
    cluster.uninstall()
}

fn deployment(cluster: &Cluster) -> Result<()> {
    cluster.apply(include_str!("../../fixtures/deployment.yaml"))?;
    cluster.wait_value("deployment/nginx-deployment", "{.status.readyReplicas}", "3", 90)?;
    let listed = cluster.kubectl(&["get", "deployments"])?;
    let row = listed.lines().nth(1).context("one row")?;
    let cells: Vec<&str> = row.split_whitespace().collect();
    ensure!(cells[..4] == ["nginx-deployment", "3/3", "3", "3"], "get deployments printed {listed}");
    let uid = cluster.kubectl(&["get", "pods", "-l", "app=nginx", "-o", "jsonpath={.items[0].metadata.uid}"])?;
    enforced(&uid)
}

/// 250m and 64Mi requested, 500m and 128Mi at most: as the container's cgroup has it, v1 or v2.
fn enforced(uid: &str) -> Result<()> {
    let find = format!("find /sys/fs/cgroup -type d -path '*{uid}*' -mindepth 1");
    let folders = run("sh", &["-c", &find])?;
    let read = |name: &str| -> Vec<String> {
        folders
            .lines()
            .filter_map(|folder| std::fs::read_to_string(Path::new(folder).join(name)).ok())
            .map(|s| s.trim().to_owned())
            .collect()
    };
    let memory = [read("memory.limit_in_bytes"), read("memory.max")].concat();
    ensure!(memory.iter().any(|limit| limit == "134217728"), "memory limits of {uid} are {memory:?}");
    let shares = [read("cpu.shares"), read("cpu.weight")].concat();
    ensure!(shares.iter().any(|share| share == "256" || share == "10"), "cpu shares of {uid} are {shares:?}");
    let quota = [read("cpu.cfs_quota_us"), read("cpu.max")].concat();
    ensure!(quota.iter().any(|quota| quota == "50000" || quota == "50000 100000"), "cpu quotas of {uid} are {quota:?}");
    Ok(())
}

/// The selector matches the Deployment's Pods too; owned Pods are not adopted, an orphan is.
fn replica_set(cluster: &Cluster) -> Result<()> {
    cluster.kubectl(&["delete", "deployment", "nginx-deployment", "--cascade=foreground"])?;
    cluster.kubectl(&["run", "orphan", "--image=nginx:1.21", "--labels=app=nginx"])?;
    cluster.kubectl(&["wait", "--for=condition=Ready", "pod/orphan", "--timeout=60s"])?;
    cluster.apply(include_str!("../../fixtures/replicaset.yaml"))?;
    cluster.wait_value("replicaset/nginx-replicaset", "{.status.readyReplicas}", "3", 90)?;
    cluster.wait_value("pod/orphan", "{.metadata.ownerReferences[0].name}", "nginx-replicaset", 10)?;
    let pods = cluster.kubectl(&["get", "pods", "-l", "app=nginx", "-o", "name"])?;
    ensure!(pods.lines().count() == 3, "there are {pods}");
    cluster.kubectl(&["delete", "-f", &fixture(cluster, include_str!("../../fixtures/replicaset.yaml"))?]).map(drop)
}

fn job(cluster: &Cluster) -> Result<()> {
    cluster.apply(include_str!("../../fixtures/job.yaml"))?;
    cluster.kubectl(&["wait", "--for=condition=complete", "job/backup-job", "--timeout=90s"])?;
    let log = cluster.kubectl(&["logs", "job/backup-job"])?;
    ensure!(log == "Backup completed\n", "logs printed {log:?}");
    Ok(())
}

fn cron_job(cluster: &Cluster) -> Result<()> {
    cluster.apply(include_str!("../../fixtures/cronjob.yaml"))?;
    let schedule = cluster.kubectl(&["get", "cronjob", "daily-backup", "-o", "jsonpath={.spec.schedule}"])?;
    ensure!(schedule == "0 2 * * *", "the schedule is {schedule:?}");
    let every_minute = include_str!("../../fixtures/cronjob.yaml")
        .replace("daily-backup", "minutely")
        .replace("0 2 * * *", "*/1 * * * *");
    cluster.apply(&every_minute)?;
    wait_for("the CronJob to fire", std::time::Duration::from_secs(75), || {
        let jobs = cluster.kubectl(&["get", "jobs", "-o", "jsonpath={.items[*].metadata.ownerReferences[0].name}"])?;
        ensure!(jobs.contains("minutely"), "owners of Jobs are {jobs:?}");
        Ok(())
    })?;
    cluster.kubectl(&["delete", "cronjob", "minutely", "daily-backup"]).map(drop)
}

fn daemon_set(cluster: &Cluster) -> Result<()> {
    std::fs::write("/var/log/oxkube-e2e-marker", "seen by the host\n")?;
    cluster.apply(include_str!("../../fixtures/daemonset.yaml"))?;
    cluster.wait_value("daemonset/fluentd-logging", "{.status.numberReady}", "1", 60)?;
    let printed = cluster.wait_logs(&["daemonset/fluentd-logging"], "oxkube-e2e-marker");
    std::fs::remove_file("/var/log/oxkube-e2e-marker")?;
    printed.map(drop)
}

fn fixture(cluster: &Cluster, yaml: &str) -> Result<String> {
    let path = cluster.at("fixture.yaml");
    std::fs::write(&path, yaml)?;
    Ok(path)
}

//! Self-healing: killed containers restart, deleted Pods are replaced, probes restart and take out of Services.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{Story, Tier};
use crate::cluster::Cluster;
use crate::process::{run, wait_for};

pub const STORY: Story = Story {
    name: "self_healing",
    shows: "a killed container restarts, a deleted Pod is replaced, liveness restarts, readiness leaves the Service",
    tier: Tier::Ci,
    deadline_seconds: 200,
    run: story,
};

const PROBED: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: probed, labels: {app: probed}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: busybox
    command: ["sh", "-c", "touch /tmp/alive /tmp/ready; exec sleep 100000"]
    readinessProbe: {exec: {command: ["test", "-f", "/tmp/ready"]}, periodSeconds: 1, failureThreshold: 1}
    livenessProbe: {exec: {command: ["test", "-f", "/tmp/alive"]}, periodSeconds: 1, failureThreshold: 1}
---
apiVersion: v1
kind: Service
metadata: {name: probed}
spec: {selector: {app: probed}, ports: [{port: 80}]}
"#;

fn story(folder: &Path) -> Result<()> {
    let cluster = Cluster::start(folder)?;
    killed_container(&cluster).context("a killed container")?;
    deleted_pod(&cluster).context("a deleted Pod")?;
    probes(&cluster).context("probes")?;
    cluster.uninstall()
}

fn killed_container(cluster: &Cluster) -> Result<()> {
    cluster.kubectl(&["run", "victim", "--image=busybox", "--command", "--", "sleep", "424242"])?;
    cluster.kubectl(&["wait", "--for=condition=Ready", "pod/victim", "--timeout=60s"])?;
    run("pkill", &["-KILL", "-f", "^sleep 424242$"])?;
    cluster.wait_value("pod/victim", "{.status.containerStatuses[0].restartCount}", "1", 30)?;
    cluster.kubectl(&["wait", "--for=condition=Ready", "pod/victim", "--timeout=60s"])?;
    let code = cluster.kubectl(&[
        "get",
        "pod",
        "victim",
        "-o",
        "jsonpath={.status.containerStatuses[0].lastState.terminated.exitCode}",
    ])?;
    ensure!(code == "137", "the exit code is {code:?}");
    cluster.kubectl(&["delete", "pod", "victim", "--grace-period=0", "--force"]).map(drop)
}

fn deleted_pod(cluster: &Cluster) -> Result<()> {
    cluster.kubectl(&["create", "deployment", "web", "--image=nginx:1.21", "--replicas=2"])?;
    cluster.wait_value("deployment/web", "{.status.readyReplicas}", "2", 60)?;
    let first = cluster.kubectl(&["get", "pods", "-l", "app=web", "-o", "jsonpath={.items[0].metadata.name}"])?;
    cluster.kubectl(&["delete", "pod", &first, "--wait=false"])?;
    wait_for("a replacement", Duration::from_secs(60), || {
        let names = cluster.kubectl(&["get", "pods", "-l", "app=web", "-o", "jsonpath={.items[*].metadata.name}"])?;
        ensure!(!names.contains(&first) && names.split(' ').count() == 2, "Pods are {names}");
        Ok(())
    })?;
    cluster.wait_value("deployment/web", "{.status.readyReplicas}", "2", 60)?;
    cluster.kubectl(&["delete", "deployment", "web"]).map(drop)
}

fn probes(cluster: &Cluster) -> Result<()> {
    cluster.apply(PROBED)?;
    cluster.kubectl(&["wait", "--for=condition=Ready", "pod/probed", "--timeout=60s"])?;
    let endpoints = "{.items[*].endpoints[*].conditions.ready}";
    let slices = || {
        cluster.kubectl(&[
            "get",
            "endpointslices",
            "-l",
            "kubernetes.io/service-name=probed",
            "-o",
            &format!("jsonpath={endpoints}"),
        ])
    };
    wait_for("a ready endpoint", Duration::from_secs(20), || {
        let ready = slices()?;
        ensure!(ready == "true", "endpoints are {ready:?}");
        Ok(())
    })?;
    cluster.kubectl(&["exec", "probed", "--", "rm", "/tmp/ready"])?;
    wait_for("the endpoint to become unready", Duration::from_secs(20), || {
        let ready = slices()?;
        ensure!(ready == "false", "endpoints are {ready:?}");
        Ok(())
    })?;
    cluster.kubectl(&["exec", "probed", "--", "rm", "/tmp/alive"])?;
    cluster.wait_value("pod/probed", "{.status.containerStatuses[0].restartCount}", "1", 60)?;
    cluster.kubectl(&["wait", "--for=condition=Ready", "pod/probed", "--timeout=60s"]).map(drop)
}

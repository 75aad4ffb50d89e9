//! The control plane alone: what kubectl shows and changes when no node is there yet.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{Story, Tier};
use crate::cluster::Cluster;
use crate::process::wait_for;

pub const STORY: Story = Story {
    name: "control_plane",
    shows: "a server without a node: bootstrap, apply, get, explain, rollout, scale, events, garbage collection, forbidden reads",
    tier: Tier::Ci,
    deadline_seconds: 120,
    run,
};

fn run(folder: &Path) -> Result<()> {
    let mut cluster = Cluster::start_with(folder, &["--disable-agent"])?;
    bootstrap(&cluster).context("bootstrap")?;
    workload(&cluster).context("a workload")?;
    restart(&mut cluster).context("after kill -9")?;
    let asked = cluster.try_kubectl(&["--as=nobody", "get", "secrets", "-n", "kube-system"])?;
    let says = "secrets is forbidden: User \"nobody\" cannot list resource \"secrets\" in API group \"\" in the namespace \"kube-system\"";
    ensure!(asked.code == 1 && asked.err.contains(says), "reading secrets as nobody gave {asked:?}");
    cluster.stop()
}

fn bootstrap(cluster: &Cluster) -> Result<()> {
    let namespaces = cluster.kubectl(&["get", "namespaces", "-o", "name"])?;
    let expected = ["default", "kube-node-lease", "kube-public", "kube-system"].map(|name| format!("namespace/{name}"));
    ensure!(namespaces.lines().eq(expected.iter().map(String::as_str)), "namespaces are {namespaces}");
    let address = cluster.kubectl(&["get", "service", "kubernetes", "-o", "jsonpath={.spec.clusterIP}"])?;
    ensure!(address == "10.43.0.1", "Service kubernetes has {address}");
    wait_for("the default service account and CA", Duration::from_secs(10), || {
        cluster.kubectl(&["get", "serviceaccount/default", "configmap/kube-root-ca.crt"])
    })?;
    let explained = cluster.kubectl(&["explain", "deployment.spec.replicas"])?;
    ensure!(explained.contains("FIELD: replicas <integer>"), "explain printed {explained}");
    Ok(())
}

fn workload(cluster: &Cluster) -> Result<()> {
    cluster.apply(include_str!("../../fixtures/deployment.yaml"))?;
    let services = cluster.apply(include_str!("../../fixtures/services.yaml"))?;
    ensure!(services.lines().count() == 3, "services printed {services}");
    cluster.wait_value("deployment/nginx-deployment", "{.status.replicas}", "3", 20)?;
    let again = cluster.apply(include_str!("../../fixtures/deployment.yaml"))?;
    ensure!(again == "deployment.apps/nginx-deployment unchanged\n", "the second apply printed {again:?}");
    let port = cluster.kubectl(&["get", "service", "nginx-nodeport", "-o", "jsonpath={.spec.ports[0].nodePort}"])?;
    ensure!(port == "30080", "the node port is {port}");
    wait_for("the scheduler to say why", Duration::from_secs(20), || {
        let text = cluster.kubectl(&["describe", "pods", "--show-events"])?;
        ensure!(text.contains("no nodes available to schedule pods"), "{text}");
        Ok(())
    })?;
    cluster.kubectl(&["set", "image", "deployment/nginx-deployment", "nginx=nginx:1.22"])?;
    wait_for("two revisions", Duration::from_secs(20), || {
        let history = cluster.kubectl(&["rollout", "history", "deployment/nginx-deployment"])?;
        ensure!(history.contains("\n1 ") && history.contains("\n2 "), "history printed {history}");
        Ok(())
    })?;
    cluster.kubectl(&["scale", "deployment/nginx-deployment", "--replicas=1"])?;
    cluster.kubectl(&["delete", "deployment", "nginx-deployment"])?;
    wait_for("ReplicaSets and Pods to be collected", Duration::from_secs(20), || {
        let left = cluster.kubectl(&["get", "replicasets,pods", "-o", "name"])?;
        ensure!(left.is_empty(), "left are {left}");
        Ok(())
    })
}

/// Everything acknowledged is there again.
fn restart(cluster: &mut Cluster) -> Result<()> {
    for round in 0..5 {
        let name = format!("round-{round}");
        cluster.apply(&format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{k: v}}\n"))?;
        cluster.kill_server()?;
        cluster.start_server()?;
        cluster.wait_value(&format!("configmap/{name}"), "{.data.k}", "v", 5)?;
    }
    Ok(())
}

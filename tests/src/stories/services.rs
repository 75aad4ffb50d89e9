//! Services: ClusterIP, NodePort and DNS name answer, and requests spread over all Pods.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{Story, Tier};
use crate::cluster::Cluster;
use crate::http;
use crate::isolation::NODE_IP;
use crate::process::wait_for;

pub const STORY: Story = Story {
    name: "services",
    shows: "a Service answers on ClusterIP, NodePort 30080 and by DNS name from another Pod, and spreads over three Pods",
    tier: Tier::Ci,
    deadline_seconds: 180,
    run,
};

fn run(folder: &Path) -> Result<()> {
    let cluster = Cluster::start(folder)?;
    cluster.apply(include_str!("../../fixtures/deployment.yaml"))?;
    cluster.apply(include_str!("../../fixtures/services.yaml"))?;
    cluster.wait_value("deployment/nginx-deployment", "{.status.readyReplicas}", "3", 90)?;
    let address = cluster.kubectl(&["get", "service", "nginx-clusterip", "-o", "jsonpath={.spec.clusterIP}"])?;
    spreads(&format!("{address}:80")).context("ClusterIP from the host")?;
    spreads(&format!("{NODE_IP}:30080")).context("NodePort")?;
    let inside = |url: &str| {
        wait_for(&format!("{url} from a Pod"), Duration::from_secs(30), || {
            cluster.kubectl(&["exec", "client", "--", "wget", "-qO-", url])
        })
    };
    cluster.kubectl(&["run", "client", "--image=busybox", "--restart=Never", "--command", "--", "sleep", "100000"])?;
    cluster.kubectl(&["wait", "--for=condition=Ready", "pod/client", "--timeout=60s"])?;
    for url in [
        format!("http://{address}/"),
        "http://nginx-clusterip/".to_owned(),
        "http://nginx-clusterip.default/".to_owned(),
        "http://nginx-nodeport.default.svc.cluster.local/".to_owned(),
        format!("http://{NODE_IP}:30080/"),
    ] {
        let page = inside(&url)?;
        ensure!(page.contains("Welcome to nginx!"), "{url} gave {page:?}");
    }
    cluster.uninstall()
}

/// Every one of three Pods answers sooner or later.
fn spreads(address: &str) -> Result<()> {
    let mut seen = BTreeSet::new();
    wait_for(&format!("three Pods behind {address}"), Duration::from_secs(30), || {
        let answer = http::get(address, "/hostname")?;
        ensure!(answer.status == 200, "status {}", answer.status);
        seen.insert(answer.body);
        ensure!(seen.len() == 3, "seen {seen:?}");
        Ok(())
    })
}

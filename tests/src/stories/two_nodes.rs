//! Two nodes: an agent joins by token, Pods run on both and reach each other, a Service spreads over both.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{Story, Tier};
use crate::agent::Agent;
use crate::cluster::Cluster;
use crate::http;
use crate::isolation::NODE_IP;
use crate::machine::Machine;
use crate::process::{capture, wait_for};

pub const STORY: Story = Story {
    name: "two_nodes",
    shows: "a second node joins by token; Pods talk across nodes, a Service spreads over both, logs and exec reach both",
    tier: Tier::Ci,
    deadline_seconds: 120,
    run,
};

const WEB: &str = r#"
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - {name: web, image: "nginx:1.21", ports: [{containerPort: 80}]}
      - {name: client, image: busybox, command: ["sh", "-c", "hostname; exec sleep 1000000"]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
"#;

fn run(folder: &Path) -> Result<()> {
    let machine = Machine::start()?;
    let cluster = Cluster::start(folder)?;
    let mut agent = Agent::on(machine, &cluster);
    refusals(&agent)?;
    agent.start(&cluster)?;
    cluster.apply(WEB)?;
    cluster.wait_value("daemonset/web", "{.status.numberReady}", "2", 60)?;
    let pods = [pod_on(&cluster, "node-1")?, pod_on(&cluster, "node-2")?];
    for (from, to) in [(&pods[0], &pods[1]), (&pods[1], &pods[0])] {
        let answer = inside(&cluster, from, &format!("http://{}/hostname", to.address))?;
        ensure!(answer.trim() == to.name, "{} got {answer:?} from {}", from.name, to.name);
        spreads(|| inside(&cluster, from, "http://web/hostname")).with_context(|| format!("from {}", from.name))?;
        cluster.wait_logs(&[from.name.as_str(), "-c", "client"], &from.name)?;
    }
    let address = cluster.kubectl(&["get", "service", "web", "-o", "jsonpath={.spec.clusterIP}"])?;
    spreads(|| Ok(http::get(&format!("{address}:80"), "/hostname")?.body)).context("from the host")?;
    agent.stop()?;
    agent.start(&cluster).context("start the agent again")?;
    inside(&cluster, &pods[1], "http://web/hostname").context("after the agent's restart")?;
    let machine = agent.uninstall()?;
    cluster.uninstall()?;
    drop(machine);
    Ok(())
}

/// One line and exit code 2.
fn refusals(agent: &Agent) -> Result<()> {
    let server = format!("https://{NODE_IP}:6443");
    let other = format!("K10{}::server:x", "0".repeat(64));
    for (server, token, says) in [
        (server.as_str(), "wrong", "--token"),
        (server.as_str(), other.as_str(), "another cluster"),
        (server.as_str(), "K10x::server:x", "--token"),
        ("http://172.30.0.1:6443", "wrong", "--server"),
    ] {
        let printed = capture(&mut agent.command(server, token)?)?;
        let line = printed.err.lines().last().unwrap_or_default();
        ensure!(printed.code == 2 && line.contains(says), "{server} and {token} gave {printed:?}, expected {says:?}");
    }
    Ok(())
}

struct Pod {
    name: String,
    address: String,
}

fn pod_on(cluster: &Cluster, node: &str) -> Result<Pod> {
    let selector = format!("--field-selector=spec.nodeName={node}");
    let path = "jsonpath={.items[0].metadata.name} {.items[0].status.podIP}";
    let found = cluster.kubectl(&["get", "pods", "-l", "app=web", &selector, "-o", path])?;
    let (name, address) = found.split_once(' ').with_context(|| format!("the Pod on {node} is {found:?}"))?;
    Ok(Pod { name: name.to_owned(), address: address.to_owned() })
}

/// What a Pod gets from a URL; the proxy may need a moment.
fn inside(cluster: &Cluster, pod: &Pod, url: &str) -> Result<String> {
    wait_for(&format!("{url} from {}", pod.name), Duration::from_secs(20), || {
        cluster.kubectl(&["exec", &pod.name, "-c", "client", "--", "wget", "-qO-", url])
    })
}

/// Both Pods answer sooner or later.
fn spreads(mut ask: impl FnMut() -> Result<String>) -> Result<()> {
    let mut seen = BTreeSet::new();
    wait_for("answers of both Pods", Duration::from_secs(30), || {
        seen.insert(ask()?);
        ensure!(seen.len() == 2, "seen {seen:?}");
        Ok(())
    })
}

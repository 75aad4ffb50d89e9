//! Two nodes: an agent joins by token, Pods run on both and reach each other, a Service spreads over both.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{Story, Tier};
use crate::agent::Agent;
use crate::cluster::Cluster;
use crate::http;
use crate::isolation::NODE_IP;
use crate::machine::Machine;
use crate::process::{capture, containers, succeed, wait_for};

pub const STORY: Story = Story {
    name: "two_nodes",
    shows: "a second node joins by token; Pods talk across nodes, a Service spreads over both, logs and exec reach both",
    tier: Tier::Ci,
    deadline_seconds: 120,
    run,
};

pub const SEGMENTS: Story = Story {
    name: "two_segments",
    shows: "two nodes with a router between them: Pods talk through a VXLAN tunnel, a Service spreads over both nodes",
    tier: Tier::Ci,
    deadline_seconds: 120,
    run: run_segments,
};

/// The master processes of the Pods' web servers.
const MASTERS: &str = "nginx: master process";

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
    let unreachable = unreachable(&agent, &cluster)?;
    refusals(&agent)?;
    agent.start(&cluster)?;
    one_a_machine(&agent, &cluster)?;
    let pods = across(&cluster)?;
    certificates(&cluster)?;
    own_rights_only(&agent, &cluster, &pods[0])?;
    restart(&mut agent, &cluster, &pods[1])?;
    certificates(&cluster).context("after the agent's restart")?;
    refused(&unreachable.wait_with_output()?, "--server").context("a server that is not there")?;
    let machine = agent.uninstall()?;
    cluster.uninstall()?;
    drop(machine);
    Ok(())
}

fn run_segments(folder: &Path) -> Result<()> {
    let machine = Machine::start_behind_router()?;
    let cluster = Cluster::start(folder)?;
    let mut agent = Agent::on(machine, &cluster);
    agent.start(&cluster)?;
    let pods = across(&cluster)?;
    // Routes to the other node's Pods lead into the tunnel, whose packets have room in the link's.
    let route = succeed(std::process::Command::new("ip").args(["-o", "route", "get", &pods[1].address]))?;
    let link = route.split(" dev ").nth(1).and_then(|rest| rest.split(' ').next()).context("a route with a link")?;
    let details = succeed(std::process::Command::new("ip").args(["-o", "-d", "link", "show", link]))?;
    ensure!(details.contains("vxlan id "), "{route:?} leads to {details:?}");
    let large = ["exec", &pods[0].name, "-c", "client", "--", "ping", "-c1", "-s1400", &pods[1].address];
    cluster.kubectl(&large).context("packets as large as the Pods' links take")?;
    drop(agent.uninstall()?);
    cluster.uninstall()
}

/// Web servers on both nodes, that reach each other and share a Service.
fn across(cluster: &Cluster) -> Result<[Pod; 2]> {
    cluster.apply(WEB)?;
    cluster.wait_value("daemonset/web", "{.status.numberReady}", "2", 60)?;
    let pods = [pod_on(cluster, "node-1")?, pod_on(cluster, "node-2")?];
    for (from, to) in [(&pods[0], &pods[1]), (&pods[1], &pods[0])] {
        let answer = inside(cluster, from, &format!("http://{}/hostname", to.address))?;
        ensure!(answer.trim() == to.name, "{} got {answer:?} from {}", from.name, to.name);
        spreads(|| inside(cluster, from, "http://web/hostname")).with_context(|| format!("from {}", from.name))?;
        cluster.wait_logs(&[from.name.as_str(), "-c", "client"], &from.name)?;
    }
    let address = cluster.kubectl(&["get", "service", "web", "-o", "jsonpath={.spec.clusterIP}"])?;
    spreads(|| Ok(http::get(&format!("{address}:80"), "/hostname")?.body)).context("from the host")?;
    Ok(pods)
}

/// An agent whose server does not answer; a first join gives up after a while.
fn unreachable(agent: &Agent, cluster: &Cluster) -> Result<Child> {
    let server = format!("https://{NODE_IP}:7443");
    let mut command = agent.command_in(&cluster.at("unreachable"), &server, "any")?;
    Ok(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?)
}

fn refused(output: &Output, says: &str) -> Result<()> {
    let err = String::from_utf8_lossy(&output.stderr);
    let line = err.lines().last().unwrap_or_default();
    ensure!(output.status.code() == Some(2) && line.contains(says), "{output:?}, expected {says:?}");
    Ok(())
}

/// A second node beside the one that runs there.
fn one_a_machine(agent: &Agent, cluster: &Cluster) -> Result<()> {
    let server = format!("https://{NODE_IP}:6443");
    refused(&agent.command_in(&cluster.at("second"), &server, "any")?.output()?, "port 10250 is taken")
}

/// Containers outlive their agent: the same processes, open for exec, with the log they had.
fn restart(agent: &mut Agent, cluster: &Cluster, pod: &Pod) -> Result<()> {
    let before = containers(MASTERS)?;
    ensure!(before.len() == 2, "the nginx masters are {before:?}");
    agent.stop()?;
    agent.start(cluster).context("start the agent again")?;
    inside(cluster, pod, "http://web/hostname").context("after the agent's restart")?;
    cluster.wait_logs(&[pod.name.as_str(), "-c", "client"], &pod.name)?;
    let after = containers(MASTERS)?;
    ensure!(before == after, "the nginx masters were {before:?} and are {after:?}");
    Ok(())
}

/// The node has asked once for each of its certificates, and nobody had to approve them.
fn certificates(cluster: &Cluster) -> Result<()> {
    let path = r#"jsonpath={range .items[*]}{.spec.signerName} {.status.conditions[*].type}{"\n"}{end}"#;
    let expected = "kubernetes.io/kube-apiserver-client-kubelet Approved\nkubernetes.io/kubelet-serving Approved\n";
    let found = cluster.kubectl(&["get", "csr", "--sort-by=.spec.signerName", "-o", path])?;
    ensure!(found == expected, "the signing requests are {found:?}");
    Ok(())
}

/// The Node authorizer and NodeRestriction: a node changes itself, not others, and reads what its Pods use.
fn own_rights_only(agent: &Agent, cluster: &Cluster, other: &Pod) -> Result<()> {
    cluster.kubectl(&["create", "secret", "generic", "unused", "--from-literal=a=b"])?;
    succeed(agent.kubectl(cluster).args(["label", "node", "node-2", "color=blue"]))?;
    let cases: &[(&[&str], &str)] = &[
        (&["get", "secret", "unused"], "no relationship found between node 'node-2' and this object"),
        (&["get", "secrets"], "forbidden"),
        (&["patch", "node", "node-1", "-p", r#"{"metadata":{"labels":{"color":"red"}}}"#], "forbidden"),
        (&["label", "node", "node-2", "node-restriction.kubernetes.io/a=b"], "is not allowed to modify labels"),
        (&["delete", "pod", &other.name], "can only delete pods with spec.nodeName set to itself"),
    ];
    for (arguments, says) in cases {
        let printed = capture(agent.kubectl(cluster).args(*arguments))?;
        ensure!(printed.code == 1 && printed.err.contains(says), "{arguments:?} gave {printed:?}, expected {says:?}");
    }
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
        refused(&agent.command(server, token)?.output()?, says).with_context(|| format!("{server} and {token}"))?;
    }
    refused(&agent.command(&server, "any")?.arg("--nonsense").output()?, "--nonsense")
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

//! The server is killed again and again under load: nothing acknowledged is lost, and containers, Services and DNS notice nothing.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{Story, Tier};
use crate::cluster::Cluster;
use crate::isolation::NODE_IP;
use crate::load::Load;
use crate::process::{containers, rest_of, wait_for};
use crate::seed::Seed;
use crate::writes::{self, Writes};
use crate::{dns, http};

pub const STORY: Story = Story {
    name: "kill_server",
    shows: "kill -9 of the server ten times under writes, requests and DNS questions: nothing acknowledged is lost, nothing else notices",
    tier: Tier::Ci,
    deadline_seconds: 240,
    run: |folder| run(folder, 10),
};

pub const OFTEN: Story = Story {
    name: "kill_server_often",
    shows: "as kill_server, fifty times",
    tier: Tier::Nightly,
    deadline_seconds: 600,
    run: |folder| run(folder, 50),
};

const PERIOD: Duration = Duration::from_millis(20);
/// The server is killed at most this long after it was ready.
const LONGEST_LIFE_MS: u64 = 1500;
/// The master processes of the Deployment's Pods.
const MASTERS: &str = "nginx: master process";

/// It asks a Service by its name, all the while, and says what failed.
const ASKS: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: asks}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: busybox
    command:
    - sh
    - -c
    - |
      while true; do
        if said=$(wget -qO- http://nginx-clusterip/ 2>&1); then echo answered; else echo "failed: $said"; fi
        sleep 0.05
      done
"#;

fn run(folder: &Path, rounds: u32) -> Result<()> {
    let mut seed = Seed::new()?;
    let mut cluster = Cluster::start(folder)?;
    cluster.apply(include_str!("../../fixtures/deployment.yaml"))?;
    cluster.apply(include_str!("../../fixtures/services.yaml"))?;
    cluster.wait_value("deployment/nginx-deployment", "{.status.readyReplicas}", "3", 90)?;
    let readers = readers(&cluster)?;
    cluster.apply(ASKS)?;
    cluster.wait_logs(&["asks"], "answered")?;
    let writes = Writes::start(&cluster)?;
    let before = containers(MASTERS)?;
    ensure!(before.len() == 3, "the nginx masters are {before:?}");
    for round in 0..rounds {
        let moment = Duration::from_millis(seed.below(LONGEST_LIFE_MS));
        println!("round {round}: killed {} ms after it was ready", moment.as_millis());
        rest_of(moment, Instant::now());
        cluster.kill_server()?;
        cluster.start_server().and_then(|()| usable(&cluster)).with_context(|| format!("after round {round}"))?;
    }
    cluster.wait_ready("node-1")?;
    writes::are_there(&cluster, &writes.stop()?)?;
    println!("{} requests and questions, none failed", readers.stop().context("requests and DNS questions")?);
    let after = containers(MASTERS)?;
    ensure!(before == after, "the nginx masters were {before:?} and are {after:?}");
    undisturbed(&cluster)?;
    cluster.uninstall()
}

/// One client asks the NodePort, one the cluster's DNS.
fn readers(cluster: &Cluster) -> Result<Load> {
    let service = format!("{NODE_IP}:30080");
    let server = SocketAddr::from(([10, 43, 0, 10], 53));
    let address = cluster.kubectl(&["get", "service", "nginx-clusterip", "-o", "jsonpath={.spec.clusterIP}"])?;
    let resolves = move || {
        let found = dns::ask(server, "nginx-clusterip.default.svc.cluster.local").context("DNS")?;
        ensure!(found.to_string() == address, "DNS gave {found}, not {address}");
        Ok(())
    };
    let serves = move || {
        let answer = http::get(&service, "/").context("the Service")?;
        ensure!(answer.status == 200, "the Service gave status {}", answer.status);
        Ok(())
    };
    wait_for("the Service", Duration::from_secs(30), &serves)?;
    wait_for("the name", Duration::from_secs(30), &resolves)?;
    Ok(Load::new().client(PERIOD, serves).client(PERIOD, resolves))
}

/// Shortly after a start, as soon as the node serves again, containers are its own: open for exec, with their logs.
fn usable(cluster: &Cluster) -> Result<()> {
    wait_for("exec and logs", Duration::from_secs(10), || {
        let printed = cluster.kubectl(&["exec", "asks", "--", "hostname"])?;
        ensure!(printed == "asks\n", "hostname printed {printed:?}");
        let log = cluster.kubectl(&["logs", "asks", "--tail=1"])?;
        ensure!(log.starts_with("answered\n"), "the log of asks ends with {log:?}");
        Ok(())
    })
}

/// No container was restarted, all are ready, each has its log, and the Pod that asked was always answered.
fn undisturbed(cluster: &Cluster) -> Result<()> {
    let restarts = "jsonpath={.items[*].status.containerStatuses[*].restartCount}";
    let counts = cluster.kubectl(&["get", "pods", "-o", restarts])?;
    ensure!(counts == "0 0 0 0", "restart counts are {counts:?}");
    cluster.wait_value("deployment/nginx-deployment", "{.status.readyReplicas}", "3", 30)?;
    let pods = cluster.kubectl(&["get", "pods", "-l", "app=nginx", "-o", "jsonpath={.items[*].metadata.name}"])?;
    for pod in pods.split(' ') {
        let log = cluster.kubectl(&["logs", pod, "--tail=1"])?;
        ensure!(log.contains("\"GET / HTTP/1.1\" 200"), "the log of {pod} ends with {log:?}");
    }
    let log = cluster.kubectl(&["logs", "asks"])?;
    let failed: Vec<&str> = log.lines().filter(|line| *line != "answered").take(10).collect();
    ensure!(failed.is_empty(), "the Pod's requests: {failed:?}");
    println!("{} requests from a Pod, none failed", log.lines().count());
    Ok(())
}

//! The server is killed again and again under load: nothing acknowledged is lost, and containers, Services and DNS notice nothing.

use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};

use super::{Story, Tier};
use crate::cluster::{Cluster, kubectl_in};
use crate::isolation::NODE_IP;
use crate::load::Load;
use crate::process::{capture, containers, rest_of, wait_for};
use crate::{dns, http};

pub const STORY: Story = Story {
    name: "kill_server",
    shows: "kill -9 of the server ten times under writes, requests and DNS questions: nothing acknowledged is lost, nothing else notices",
    tier: Tier::Ci,
    deadline_seconds: 240,
    run,
};

const ROUNDS: u32 = 10;
const PERIOD: Duration = Duration::from_millis(20);
/// The master processes of the Deployment's Pods.
const MASTERS: &str = "nginx: master process";

fn run(folder: &Path) -> Result<()> {
    let mut cluster = Cluster::start(folder)?;
    cluster.apply(include_str!("../../fixtures/deployment.yaml"))?;
    cluster.apply(include_str!("../../fixtures/services.yaml"))?;
    cluster.wait_value("deployment/nginx-deployment", "{.status.readyReplicas}", "3", 90)?;
    let readers = readers(&cluster)?;
    let (writer, acknowledged) = writer(&cluster);
    let before = containers(MASTERS)?;
    ensure!(before.len() == 3, "the nginx masters are {before:?}");
    for round in 0..ROUNDS {
        let moment = Duration::from_millis(RandomState::new().hash_one(round) % 1500);
        println!("round {round}: killed {} ms after it was ready", moment.as_millis());
        rest_of(moment, Instant::now());
        cluster.kill_server()?;
        cluster.start_server().with_context(|| format!("start after round {round}"))?;
    }
    cluster.wait_ready("node-1")?;
    writer.stop()?;
    println!("{} requests and questions, none failed", readers.stop().context("requests and DNS questions")?);
    let acknowledged = acknowledged.lock().map_err(|_| anyhow!("the writer panicked"))?;
    written(&cluster, &acknowledged)?;
    let after = containers(MASTERS)?;
    ensure!(before == after, "the nginx masters were {before:?} and are {after:?}");
    usable(&cluster)?;
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

/// Creates ConfigMaps and notes those that were acknowledged; while the server is away it is refused, which counts as nothing.
fn writer(cluster: &Cluster) -> (Load, Arc<Mutex<Vec<String>>>) {
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let (noted, folder, mut number) = (acknowledged.clone(), cluster.folder.clone(), 0);
    let load = Load::new().client(PERIOD, move || {
        number += 1;
        let name = format!("written-{number}");
        let printed = capture(kubectl_in(&folder).args(["create", "configmap", &name]))?;
        if printed.code == 0 {
            noted.lock().map_err(|_| anyhow!("the story panicked"))?.push(format!("configmap/{name}"));
        }
        Ok(())
    });
    (load, acknowledged)
}

fn written(cluster: &Cluster, acknowledged: &[String]) -> Result<()> {
    ensure!(acknowledged.len() > ROUNDS as usize, "only {} writes were acknowledged", acknowledged.len());
    println!("{} writes were acknowledged", acknowledged.len());
    let there = cluster.kubectl(&["get", "configmaps", "-o", "name"])?;
    let lost: Vec<_> = acknowledged.iter().filter(|name| !there.lines().any(|line| line == *name)).collect();
    ensure!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    Ok(())
}

/// The containers that lived on are the server's again: never restarted, with their logs, open for exec.
fn usable(cluster: &Cluster) -> Result<()> {
    let restarts = "jsonpath={.items[*].status.containerStatuses[*].restartCount}";
    let counts = cluster.kubectl(&["get", "pods", "-l", "app=nginx", "-o", restarts])?;
    ensure!(counts == "0 0 0", "restart counts are {counts:?}");
    cluster.wait_value("deployment/nginx-deployment", "{.status.readyReplicas}", "3", 30)?;
    let pods = cluster.kubectl(&["get", "pods", "-l", "app=nginx", "-o", "jsonpath={.items[*].metadata.name}"])?;
    for pod in pods.split(' ') {
        let printed = cluster.kubectl(&["exec", pod, "--", "hostname"])?;
        ensure!(printed.trim() == pod, "hostname in {pod} printed {printed:?}");
        let log = cluster.kubectl(&["logs", pod, "--tail=1"])?;
        ensure!(log.contains("\"GET / HTTP/1.1\" 200"), "the log of {pod} ends with {log:?}");
    }
    Ok(())
}

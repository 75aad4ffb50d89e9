//! A rolling update and its undo under load: not one request may fail.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{Story, Tier};
use crate::cluster::Cluster;
use crate::http::{self, Answer, Connection};
use crate::isolation::NODE_IP;
use crate::load::Load;
use crate::process::wait_for;

pub const STORY: Story = Story {
    name: "rolling_update",
    shows: "nginx 1.21 to 1.22 and back under 50 new connections a second and one kept connection: no request fails",
    tier: Tier::Ci,
    deadline_seconds: 240,
    run,
};

const PERIOD: Duration = Duration::from_millis(20);
/// A rollout is faster than this many requests: the load goes on after it until they are made.
const REQUESTS: usize = 100;

fn run(folder: &Path) -> Result<()> {
    let cluster = Cluster::start(folder)?;
    cluster.apply(include_str!("../../fixtures/deployment.yaml"))?;
    cluster.apply(include_str!("../../fixtures/services.yaml"))?;
    cluster.wait_value("deployment/nginx-deployment", "{.status.readyReplicas}", "3", 90)?;
    let address = format!("{NODE_IP}:30080");
    wait_for("the Service", Duration::from_secs(30), || http::get(&address, "/").map(drop))?;
    let load = start(&address)?;
    cluster.kubectl(&["set", "image", "deployment/nginx-deployment", "nginx=nginx:1.22"])?;
    cluster.kubectl(&["rollout", "status", "deployment/nginx-deployment", "--timeout=90s"])?;
    serves(&address, "1.22")?;
    load.wait_done(REQUESTS)?;
    let history = cluster.kubectl(&["rollout", "history", "deployment/nginx-deployment"])?;
    ensure!(history.contains("\n1 ") && history.contains("\n2 "), "history printed {history}");
    cluster.kubectl(&["rollout", "undo", "deployment/nginx-deployment"])?;
    cluster.kubectl(&["rollout", "status", "deployment/nginx-deployment", "--timeout=90s"])?;
    serves(&address, "1.21")?;
    load.wait_done(2 * REQUESTS)?;
    let requests = load.stop()?;
    println!("{requests} requests, none failed");
    cluster.uninstall()
}

fn serves(address: &str, version: &str) -> Result<()> {
    wait_for(&format!("version {version}"), Duration::from_secs(20), || {
        let answer = http::get(address, "/")?;
        ensure!(answer.header("x-version") == Some(version), "it is {:?}", answer.header("x-version"));
        Ok(())
    })
}

/// Two clients: a new connection every 20 ms, and one connection that is kept.
fn start(address: &str) -> Result<Load> {
    let (one, other) = (address.to_owned(), address.to_owned());
    let mut connection = Connection::open(address)?;
    Ok(Load::new()
        .client(PERIOD, move || answered(http::get(&one, "/").context("a new connection")?))
        .client(PERIOD, move || answered(kept(&mut connection, &other)?)))
}

/// A server that ends closes idle connections, if need be while the next request is under way. What an HTTP client does then
/// (RFC 9112, 9.3.1): when no byte of an answer has come, it repeats the GET once on a new connection, and that one has to succeed.
fn kept(connection: &mut Connection, address: &str) -> Result<Answer> {
    if let Some(answer) = connection.get_unless_closed("/").context("the kept connection")? {
        return Ok(answer);
    }
    *connection = Connection::open(address).context("the kept connection, opened again")?;
    connection.get("/", false).context("the kept connection, opened again")
}

fn answered(answer: Answer) -> Result<()> {
    ensure!(answer.status == 200, "status {}", answer.status);
    Ok(())
}

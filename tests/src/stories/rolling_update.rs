//! A rolling update and its undo under load: not one request may fail.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};

use super::{Story, Tier};
use crate::cluster::Cluster;
use crate::http::{self, Connection};
use crate::isolation::NODE_IP;
use crate::process::wait_for;

pub const STORY: Story = Story {
    name: "rolling_update",
    shows: "nginx 1.21 to 1.22 and back under 50 new connections a second and one kept connection: no request fails",
    tier: Tier::Ci,
    deadline_seconds: 240,
    run,
};

const PERIOD: Duration = Duration::from_millis(20);

fn run(folder: &Path) -> Result<()> {
    let cluster = Cluster::start(folder)?;
    cluster.apply(include_str!("../../fixtures/deployment.yaml"))?;
    cluster.apply(include_str!("../../fixtures/services.yaml"))?;
    cluster.wait_value("deployment/nginx-deployment", "{.status.readyReplicas}", "3", 90)?;
    let address = format!("{NODE_IP}:30080");
    wait_for("the Service", Duration::from_secs(30), || http::get(&address, "/").map(drop))?;
    let load = Load::start(&address);
    cluster.kubectl(&["set", "image", "deployment/nginx-deployment", "nginx=nginx:1.22"])?;
    cluster.kubectl(&["rollout", "status", "deployment/nginx-deployment", "--timeout=90s"])?;
    serves(&address, "1.22")?;
    let history = cluster.kubectl(&["rollout", "history", "deployment/nginx-deployment"])?;
    ensure!(history.contains("\n1 ") && history.contains("\n2 "), "history printed {history}");
    cluster.kubectl(&["rollout", "undo", "deployment/nginx-deployment"])?;
    cluster.kubectl(&["rollout", "status", "deployment/nginx-deployment", "--timeout=90s"])?;
    serves(&address, "1.21")?;
    let requests = load.stop()?;
    ensure!(requests > 100, "only {requests} requests were made");
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

/// Two clients in threads: a new connection every 20 ms, and one connection that is kept.
struct Load {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<Result<()>>>,
}

impl Load {
    fn start(address: &str) -> Self {
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let spawn = |body: fn(&str, &AtomicBool, &AtomicUsize) -> Result<()>| {
            let (address, stop, done) = (address.to_owned(), stop.clone(), done.clone());
            std::thread::spawn(move || body(&address, &stop, &done))
        };
        Self { threads: vec![spawn(new_connections), spawn(kept_connection)], stop, done }
    }

    fn stop(self) -> Result<usize> {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().map_err(|_| anyhow!("a client panicked"))??;
        }
        Ok(self.done.load(Ordering::Relaxed))
    }
}

fn new_connections(address: &str, stop: &AtomicBool, done: &AtomicUsize) -> Result<()> {
    each_period(stop, || {
        let answer = http::get(address, "/").context("a new connection")?;
        ensure!(answer.status == 200, "status {}", answer.status);
        done.fetch_add(1, Ordering::Relaxed);
        Ok(())
    })
}

/// A server that ends closes idle connections, if need be while the next request is under way. What an HTTP client does then
/// (RFC 9112, 9.3.1): when no byte of an answer has come, it repeats the GET once on a new connection, and that one has to succeed.
fn kept_connection(address: &str, stop: &AtomicBool, done: &AtomicUsize) -> Result<()> {
    let mut connection = Connection::open(address)?;
    each_period(stop, || {
        let answer = match connection.get_unless_closed("/").context("the kept connection")? {
            Some(answer) => answer,
            None => {
                connection = Connection::open(address).context("the kept connection, opened again")?;
                connection.get("/", false).context("the kept connection, opened again")?
            }
        };
        ensure!(answer.status == 200, "status {}", answer.status);
        done.fetch_add(1, Ordering::Relaxed);
        Ok(())
    })
}

fn each_period(stop: &AtomicBool, mut body: impl FnMut() -> Result<()>) -> Result<()> {
    while !stop.load(Ordering::Relaxed) {
        let start = Instant::now();
        body()?;
        crate::process::rest_of(PERIOD, start);
    }
    Ok(())
}

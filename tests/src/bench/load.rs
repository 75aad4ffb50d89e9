//! Load on one server: so many clients over a few connections, each sending its next request when the last was answered.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::Method;
use serde_json::json;
use tokio::task::JoinSet;

use super::api_client::Client;

const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";
const PAYLOAD_BYTES: usize = 1024;
/// The object that is read; made by the first create of each server.
const FIRST: u64 = 0;
const PATIENCE: Duration = Duration::from_secs(10);

/// Names that no object has yet.
pub struct Load {
    next: Arc<AtomicU64>,
}

impl Load {
    pub fn new() -> Self {
        Self { next: Arc::new(AtomicU64::new(FIRST + 1)) }
    }

    /// Sends requests for `window`; gives each one's time and how long all took.
    pub async fn run(
        &mut self,
        clients: &[Client],
        method: Method,
        at_once: usize,
        window: Duration,
    ) -> Result<(Vec<Duration>, Duration)> {
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        for number in 0..at_once {
            let (client, method, next) = (clients[number % clients.len()].clone(), method.clone(), self.next.clone());
            tasks.spawn(async move {
                let mut times = Vec::new();
                while start.elapsed() < window {
                    let begin = Instant::now();
                    if method == Method::GET {
                        client.succeed(Method::GET, &format!("{CONFIG_MAPS}/{}", name(FIRST)), Bytes::new()).await?;
                    } else {
                        let object = config_map(next.fetch_add(1, Ordering::Relaxed));
                        client.succeed(method.clone(), CONFIG_MAPS, object).await?;
                    }
                    times.push(begin.elapsed());
                }
                anyhow::Ok(times)
            });
        }
        let mut times = Vec::new();
        while let Some(ended) = tasks.join_next().await {
            times.extend(ended??);
        }
        Ok((times, start.elapsed()))
    }
}

fn name(number: u64) -> String {
    format!("bench-{number}")
}

fn config_map(number: u64) -> Bytes {
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name(number)},
                        "data": {"payload": "x".repeat(PAYLOAD_BYTES)}});
    Bytes::from(object.to_string())
}

/// Connects as soon as the server listens, and makes the object that is read.
pub async fn patiently(address: &str, kubeconfig: &Path) -> Result<Client> {
    let start = Instant::now();
    let mut look = tokio::time::interval(Duration::from_millis(20));
    let client = loop {
        look.tick().await;
        match Client::administrator(address, kubeconfig).await {
            Ok(client) => break client,
            Err(error) if start.elapsed() > PATIENCE => return Err(error),
            Err(_) => {}
        }
    };
    let (status, answer) = client.send(Method::POST, CONFIG_MAPS, config_map(FIRST)).await?;
    // The second connection finds it there.
    anyhow::ensure!(status == 201 || status == 409, "create: {status} {}", String::from_utf8_lossy(&answer));
    Ok(client)
}

/// Times of appends of one payload, each followed by fdatasync: what a durable write costs at least.
pub fn flushes(path: &Path, count: usize) -> Result<Vec<Duration>> {
    let mut file = File::create(path).with_context(|| format!("make {}", path.display()))?;
    let mut times = Vec::new();
    for _ in 0..count {
        let begin = Instant::now();
        file.write_all(&[b'x'; PAYLOAD_BYTES])?;
        file.sync_data()?;
        times.push(begin.elapsed());
    }
    Ok(times)
}

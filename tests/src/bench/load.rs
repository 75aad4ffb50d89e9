//! Load on one server: so many clients over a few connections, each sending its next request when the last was answered.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use super::api_client::{Client, Login};
use super::operation::Operation;

pub const PAYLOAD_BYTES: usize = 1024;
/// The object that is read; made by the first create of each server.
pub const FIRST: u64 = 0;
const PATIENCE: Duration = Duration::from_secs(10);

/// Numbers that no request has had yet.
pub struct Load {
    next: Arc<AtomicU64>,
}

/// When a load is over.
#[derive(Clone, Copy)]
pub enum Until {
    Elapsed(Duration),
    /// So many numbers have been given out.
    Sent(u64),
}

/// What a load came to.
#[derive(Default)]
pub struct Done {
    /// Each request's time.
    pub times: Vec<Duration>,
    /// Of all answers' bodies.
    pub bytes: usize,
    pub elapsed: Duration,
}

impl Load {
    pub fn new() -> Self {
        Self { next: Arc::new(AtomicU64::new(FIRST + 1)) }
    }

    /// Counts what it sends.
    pub fn from_zero() -> Self {
        Self { next: Arc::default() }
    }

    /// Sends requests until the end is reached, each with a number of its own.
    pub async fn run(&self, clients: &[Client], operation: Operation, at_once: usize, until: Until) -> Result<Done> {
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        for at in 0..at_once {
            let (client, next) = (clients[at % clients.len()].clone(), self.next.clone());
            tasks.spawn(async move {
                let mut done = Done::default();
                loop {
                    let begin = Instant::now();
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let over = match until {
                        Until::Elapsed(window) => begin - start >= window,
                        Until::Sent(count) => number >= count,
                    };
                    if over {
                        return anyhow::Ok(done);
                    }
                    let (method, path, body) = operation.request(number, at);
                    done.bytes += client.succeed(method, &path, body).await?.len();
                    done.times.push(begin.elapsed());
                }
            });
        }
        let mut all = Done::default();
        while let Some(ended) = tasks.join_next().await {
            let done = ended??;
            all.times.extend(done.times);
            all.bytes += done.bytes;
        }
        Ok(Done { elapsed: start.elapsed(), ..all })
    }
}

/// Connects as soon as the server listens, and makes the object that is read.
pub async fn patiently(address: &str, login: Login<'_>) -> Result<Client> {
    let start = Instant::now();
    let mut look = tokio::time::interval(Duration::from_millis(20));
    let client = loop {
        look.tick().await;
        match Client::login(address, login).await {
            Ok(client) => break client,
            Err(error) if start.elapsed() > PATIENCE => return Err(error),
            Err(_) => {}
        }
    };
    let (method, path, body) = Operation::Create.request(FIRST, 0);
    let (status, answer) = client.send(method, &path, body).await?;
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

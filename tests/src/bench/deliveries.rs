//! Events to many watchers: what each that was read cost the server, the writes they came from included.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::Method;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::api_client::Client;
use super::operation::{Operation, WATCHED, collection};
use super::processes;
use super::turns::Target;

pub const WATCHES: usize = 100;
pub const WRITES: usize = 200;
const WRITE_EVERY: Duration = Duration::from_millis(5);
const PATIENCE: Duration = Duration::from_secs(20);

/// Makes the object that is watched, unless it is there.
pub async fn prepare(target: &Target) -> Result<()> {
    let (method, path, body) = Operation::Announce.request(0, 0);
    let (status, answer) = target.clients[0].send(method, &path, body).await?;
    ensure!(status == 201 || status == 409, "create: {status} {}", String::from_utf8_lossy(&answer));
    Ok(())
}

/// One round: all watches see every write. Gives the microseconds of processor time per event.
pub async fn round(target: &Target, number: &mut u64) -> Result<f64> {
    let path = format!("{}?watch=true&resourceVersion={}", collection(WATCHED), newest(target).await?);
    let counts = Arc::new(Counts::default());
    let mut watches = JoinSet::new();
    for at in 0..WATCHES {
        watches.spawn(read(target.clients[at % target.clients.len()].clone(), path.clone(), counts.clone()));
    }
    reached(&counts.open, &mut watches, WATCHES).await?;
    let before = processes::processor_microseconds(&target.processes)?;
    let mut turn = tokio::time::interval(WRITE_EVERY);
    turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for _ in 0..WRITES {
        turn.tick().await;
        *number += 1;
        let (method, path, body) = Operation::Touch.request(*number, 0);
        target.clients[0].succeed(method, &path, body).await?;
    }
    reached(&counts.events, &mut watches, WATCHES * WRITES).await?;
    let used = processes::processor_microseconds(&target.processes)? - before;
    watches.abort_all();
    Ok(used / (WATCHES * WRITES) as f64)
}

/// Of all watches together.
#[derive(Default)]
struct Counts {
    open: AtomicUsize,
    events: AtomicUsize,
}

/// The present version, of a list: the object that is watched may be older than the history that is kept. The null server's answers say
/// nothing.
async fn newest(target: &Target) -> Result<String> {
    let answer = target.clients[0].succeed(Method::GET, &collection(WATCHED), Bytes::new()).await?;
    let list: Value = serde_json::from_slice(&answer).unwrap_or_default();
    Ok(list["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned())
}

/// Counts what a watch reads, for as long as it is read.
async fn read(client: Client, path: String, counts: Arc<Counts>) -> Result<Infallible> {
    let mut watch = client.watch(&path).await?;
    counts.open.fetch_add(1, Ordering::Relaxed);
    loop {
        counts.events.fetch_add(watch.count().await?, Ordering::Relaxed);
    }
}

/// Waits until a count is reached; a watch that ends is an error.
async fn reached(seen: &AtomicUsize, watches: &mut JoinSet<Result<Infallible>>, count: usize) -> Result<()> {
    let mut look = tokio::time::interval(Duration::from_millis(1));
    let all = async {
        while seen.load(Ordering::Relaxed) < count {
            look.tick().await;
        }
    };
    tokio::select! {
        reached = tokio::time::timeout(PATIENCE, all) => {
            reached.with_context(|| format!("{} of {count} came in time", seen.load(Ordering::Relaxed)))
        }
        ended = watches.join_next() => {
            match ended.context("no watches")?? {
                Err(error) => Err(error),
                Ok(never) => match never {},
            }
        }
    }
}

//! A load: clients in threads that do one thing again and again until the story stops them; failures are counted and told with their time.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};

use crate::process::{rest_of, wait_for};

/// Running clients.
pub struct Load {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    started: Instant,
    stop: AtomicBool,
    done: AtomicUsize,
    failures: Mutex<Vec<String>>,
}

impl Load {
    /// A load without clients.
    pub fn new() -> Self {
        let (stop, done) = (AtomicBool::new(false), AtomicUsize::new(0));
        let shared = Shared { started: Instant::now(), stop, done, failures: Mutex::default() };
        Self { shared: Arc::new(shared), threads: Vec::new() }
    }

    /// Adds a client that runs `body` once a period.
    pub fn client(mut self, period: Duration, mut body: impl FnMut() -> Result<()> + Send + 'static) -> Self {
        let shared = self.shared.clone();
        self.threads.push(std::thread::spawn(move || {
            while !shared.stop.load(Ordering::Relaxed) {
                let start = Instant::now();
                match body() {
                    Ok(()) => drop(shared.done.fetch_add(1, Ordering::Relaxed)),
                    Err(error) => shared.failed(&error),
                }
                rest_of(period, start);
            }
        }));
        self
    }

    /// Waits until the clients have succeeded so often since their start.
    pub fn wait_done(&self, times: usize) -> Result<()> {
        wait_for(&format!("{times} requests"), Duration::from_secs(30), || {
            let done = self.shared.done.load(Ordering::Relaxed);
            ensure!(done >= times, "only {done} were made");
            Ok(())
        })
    }

    /// Ends the clients. Gives how often they succeeded; a single failure is an error.
    pub fn stop(self) -> Result<usize> {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().map_err(|_| anyhow!("a client panicked"))?;
        }
        let done = self.shared.done.load(Ordering::Relaxed);
        let failures = self.shared.failures.lock().map_err(|_| anyhow!("a client panicked"))?;
        let first: Vec<&str> = failures.iter().take(10).map(String::as_str).collect();
        ensure!(first.is_empty(), "{} failed, {done} succeeded; the first:\n{}", failures.len(), first.join("\n"));
        Ok(done)
    }
}

impl Shared {
    fn failed(&self, error: &anyhow::Error) {
        let line = format!("after {:.2} s: {error:#}", self.started.elapsed().as_secs_f32());
        self.failures.lock().expect("no client panics while it notes a failure").push(line);
    }
}

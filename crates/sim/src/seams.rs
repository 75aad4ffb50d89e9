//! The seams of one simulated history: its clock is tokio's paused one, its randomness a seed's, its tasks die with a life.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use api::env::Env;
use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, RngCore, SeedableRng};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::trace::Trace;

/// Where every history begins: noon of some day.
const BEGINNING: &str = "2026-11-21T12:00:00Z";

/// Clock and randomness of one history. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Seams {
    beginning: (Timestamp, Instant),
    seed: u64,
    random: Arc<Mutex<StdRng>>,
    pub(crate) trace: Trace,
}

impl Seams {
    /// Must be called inside the runtime whose clock it is.
    pub(crate) fn new(seed: u64) -> Self {
        let beginning: Timestamp = BEGINNING.parse().expect("the beginning is a time");
        Self {
            beginning: (beginning, Instant::now()),
            seed,
            random: Arc::new(Mutex::new(StdRng::seed_from_u64(seed))),
            trace: Trace::default(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        let since = SignedDuration::try_from(self.beginning.1.elapsed()).expect("no history lasts that long");
        self.beginning.0 + since
    }

    /// Milliseconds since the beginning: what the trace is stamped with.
    pub(crate) fn elapsed_ms(&self) -> u128 {
        self.beginning.1.elapsed().as_millis()
    }

    /// A stream of random numbers of its own, so that one actor's draws do not shift another's.
    pub(crate) fn stream(&self, name: &str) -> Chance {
        let salt = name.bytes().fold(self.seed, |sum, byte| sum.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte));
        Chance(Arc::new(Mutex::new(StdRng::seed_from_u64(salt))))
    }

    /// What a process is handed. Its tasks end, wherever they stand, when `life` does: that is a crash.
    pub(crate) fn env(&self, life: &CancellationToken) -> Env {
        let (clock, random) = (self.clone(), self.random.clone());
        let (life, trace) = (life.clone(), self.trace.clone());
        Env::new(
            move || clock.now(),
            move |buffer| random.lock().fill_bytes(buffer),
            move |name, task| {
                let (life, trace) = (life.clone(), trace.clone());
                let watched = async move {
                    if life
                        .run_until_cancelled(AssertUnwindSafe(task).catch_unwind())
                        .await
                        .is_some_and(|end| end.is_err())
                    {
                        trace.fail(format!("the task {name:?} panicked"));
                    }
                };
                // It ends with its life; nobody waits for it.
                drop(tokio::spawn(watched));
            },
        )
    }
}

/// Seeded chance for one actor. Cheap to clone; clones share one stream.
#[derive(Clone)]
pub(crate) struct Chance(Arc<Mutex<StdRng>>);

impl Chance {
    /// A number below `end`.
    pub(crate) fn below(&self, end: u64) -> u64 {
        self.0.lock().random_range(0..end.max(1))
    }

    /// True once in `times`, on average.
    pub(crate) fn one_in(&self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of several.
    pub(crate) fn pick<'a, T>(&self, from: &'a [T]) -> Option<&'a T> {
        from.get(usize::try_from(self.below(from.len() as u64)).unwrap_or(0))
    }
}

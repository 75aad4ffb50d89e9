//! The seams to the outside that every room is handed: clock, randomness, task spawning. `oxkube` makes the real one, `sim` a seeded one.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use jiff::Timestamp;

/// A task handed to [`Env::spawn`].
pub type Task = Pin<Box<dyn Future<Output = ()> + Send + 'static>>;

type FillRandom = dyn Fn(&mut [u8]) + Send + Sync;
type Spawn = dyn Fn(&'static str, Task) + Send + Sync;

/// Clock, randomness and spawning, handed down from the entry point. Cheap to clone.
#[derive(Clone)]
pub struct Env {
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    fill_random: Arc<FillRandom>,
    spawn: Arc<Spawn>,
}

impl Env {
    /// Builds an environment from its three seams.
    pub fn new(
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
        fill_random: impl Fn(&mut [u8]) + Send + Sync + 'static,
        spawn: impl Fn(&'static str, Task) + Send + Sync + 'static,
    ) -> Self {
        Self { now: Arc::new(now), fill_random: Arc::new(fill_random), spawn: Arc::new(spawn) }
    }

    /// Wall-clock time.
    pub fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// Fills `buffer` with random bytes (cryptographic in production, seeded in simulation).
    pub fn fill_random(&self, buffer: &mut [u8]) {
        (self.fill_random)(buffer)
    }

    /// A random number.
    pub fn random_u64(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_random(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// A random (version 4) UUID in its text form, as `metadata.uid` has it.
    pub fn uuid(&self) -> String {
        let mut bytes = [0; 16];
        self.fill_random(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }

    /// `length` characters of upstream's name alphabet (no vowels, no easily confused digits), as generateName appends.
    pub fn name_suffix(&self, length: usize) -> String {
        const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        let mut bytes = vec![0; length];
        self.fill_random(&mut bytes);
        bytes.iter().map(|b| ALPHABET[*b as usize % ALPHABET.len()] as char).collect()
    }

    /// Runs `task` in the background; `name` shows up in traces.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        (self.spawn)(name, Box::pin(task))
    }
}

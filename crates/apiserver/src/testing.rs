//! What tests of this crate share: an environment with a settable clock, an empty store, YAML cases.

pub(crate) mod backend;

use std::sync::Arc;

use api::env::Env;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::Value;
use store::{MemoryEngine, Options, Store};

use crate::meta::Meta;
use crate::objects::Objects;

/// A clock that tests move.
pub(crate) type Clock = Arc<Mutex<Timestamp>>;

pub(crate) fn clock() -> Clock {
    Arc::new(Mutex::new("2026-11-21T12:00:00Z".parse().unwrap()))
}

/// An environment with this clock and counted randomness.
pub(crate) fn environment(clock: &Clock) -> Env {
    let (clock, seed) = (clock.clone(), Mutex::new(7_u64));
    let fill = move |buffer: &mut [u8]| {
        let mut seed = seed.lock();
        for byte in buffer {
            *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (*seed >> 33) as u8;
        }
    };
    Env::new(move || *clock.lock(), fill, |_, task| drop(tokio::spawn(task)))
}

pub(crate) fn memory_store() -> Store<Meta> {
    let options = Options {
        derive: Arc::new(|_, _| Meta::default()),
        now: Arc::new(|| 0),
        lazy_prefixes: Vec::new(),
        ring_bytes: 1 << 20,
        retention_seconds: 300,
        on_fatal: Arc::new(|why| panic!("{why}")),
        threaded: false,
    };
    Store::open(Box::new(MemoryEngine::default()), options).unwrap()
}

pub(crate) fn objects() -> Objects {
    Objects::new(memory_store(), environment(&clock()))
}

pub(crate) fn yaml(text: &str) -> Value {
    api::decode::yaml(text.as_bytes()).unwrap().0
}

//! The real clock, randomness and spawner: the one place where the binary touches them.

#![expect(clippy::disallowed_methods, reason = "this file is a seam to the outside")]

use api::env::Env;
use rand::TryRngCore;

/// The environment of a running node. Must be called inside the tokio runtime that its tasks shall run on.
pub fn real() -> Env {
    let handle = tokio::runtime::Handle::current();
    on(move || handle.clone())
}

/// An environment for who makes the runtime later: tasks run on the one they are spawned from.
pub fn of_spawner() -> Env {
    on(tokio::runtime::Handle::current)
}

fn on(runtime: impl Fn() -> tokio::runtime::Handle + Send + Sync + 'static) -> Env {
    Env::new(jiff::Timestamp::now, fill_random, move |name, task| {
        let handle = runtime();
        let watched = handle.spawn(task);
        handle.spawn(async move {
            if let Err(error) = watched.await
                && error.is_panic()
            {
                tracing::error!(task = name, "a task panicked: {error}");
            }
        });
    })
}

/// Seconds since 1970, for the store.
pub fn now_seconds() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn fill_random(buffer: &mut [u8]) {
    rand::rngs::OsRng.try_fill_bytes(buffer).expect("the kernel gives random bytes");
}

/// The time of day, for commands that end soon.
pub fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

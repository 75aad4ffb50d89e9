//! Waiting: until a condition holds, with a deadline whose error is the last refusal; or as long as one has to hold.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::Instant;

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Waits until `look` gives a value.
pub async fn until<T>(seconds: u64, what: &str, mut look: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        match look().await {
            Ok(value) => return Ok(value),
            Err(error) if Instant::now() >= deadline => {
                return Err(error.context(format!("waited {seconds} s for {what}")));
            }
            Err(_) => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}

/// `look` has to hold at every look for so long.
pub async fn holds(seconds: u64, what: &str, mut look: impl AsyncFnMut() -> Result<()>) -> Result<()> {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(seconds) {
        look().await.with_context(|| format!("{what} did not hold for {seconds} s"))?;
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

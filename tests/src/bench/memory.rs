//! What stored objects take of the server's memory once they have been replaced many times: history, caches and the engine's pages included.

use anyhow::{Result, ensure};
use bytes::Bytes;

use super::load::{Load, Until};
use super::operation::{KEPT_OBJECTS, Operation};
use super::processes;
use super::turns::Target;

pub const UPDATES: u64 = 100_000;
const AT_ONCE: usize = 64;

/// Bytes of memory more than before, and bytes of the objects as they are listed.
pub struct Resident {
    pub grown: f64,
    pub stored: f64,
}

/// Fills in the objects that are kept and replaces each of them in turn.
pub async fn resident(target: &Target) -> Result<Resident> {
    let before = kilobytes(target)?;
    for (operation, count) in [(Operation::Fill, KEPT_OBJECTS), (Operation::Replace, UPDATES)] {
        let done = Load::from_zero().run(&target.clients, operation, AT_ONCE, Until::Sent(count)).await?;
        ensure!(done.times.len() as u64 == count, "{operation:?}: {} of {count} were answered", done.times.len());
    }
    let grown = (kilobytes(target)? - before) * 1024.0;
    let (method, path, _) = Operation::List.request(0, 0);
    let list = target.clients[0].succeed(method, &path, Bytes::new()).await?;
    Ok(Resident { grown, stored: list.len() as f64 })
}

fn kilobytes(target: &Target) -> Result<f64> {
    let mut sum = 0;
    for process in &target.processes {
        sum += processes::pss_kilobytes(process)?.0;
    }
    Ok(sum as f64)
}

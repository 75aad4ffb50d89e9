//! The simulated disk: the store's memory engine under a process that can die at any append, before or after its fsync. It also
//! keeps the book of all that was ever durable, which the invariants are checked against.

use std::sync::Arc;

use parking_lot::Mutex;
use store::{Engine, EngineError, Loaded, MemoryEngine, Record, Revision};
use tokio_util::sync::CancellationToken;

use crate::seams::{Chance, Seams};
use crate::trace::short_hash;

/// ConfigMaps with certificates in them: their signatures are not of the seed.
const UNSEEDED: [&str; 3] = ["/kube-root-ca.crt", "/extension-apiserver-authentication", "/cluster-info"];

/// What survives a process.
#[derive(Default)]
struct Platter {
    engine: MemoryEngine,
    /// Every record that was ever durable, in order; compaction leaves it alone.
    book: Vec<Record>,
    unsynced: Vec<Record>,
    newest: Revision,
}

/// A machine's disk. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Disk {
    platter: Arc<Mutex<Platter>>,
    seams: Seams,
    chance: Chance,
}

impl Disk {
    pub(crate) fn new(seams: &Seams) -> Self {
        Self { platter: Arc::default(), seams: seams.clone(), chance: seams.stream("disk") }
    }

    /// The engine of one process. `life` is cancelled by a power cut here, and ends all writing.
    pub(crate) fn engine(&self, life: &CancellationToken, fatal: bool) -> Handle {
        Handle { disk: self.clone(), inner: self.platter.lock().engine.clone(), life: life.clone(), fatal }
    }

    /// The power is cut: what was not synced is gone.
    pub(crate) fn crash(&self) {
        let mut platter = self.platter.lock();
        platter.engine.crash();
        platter.unsynced.clear();
    }

    /// All that was ever durable.
    pub(crate) fn book(&self) -> Vec<Record> {
        self.platter.lock().book.clone()
    }

    fn note(&self, records: &[Record], sync: bool) {
        let mut platter = self.platter.lock();
        for record in records {
            if record.revision <= platter.newest {
                let text = format!("revision {} of {} is not above {}", record.revision, record.key, platter.newest);
                self.seams.trace.fail(text);
            }
            platter.newest = record.revision;
            let hashed = !UNSEEDED.iter().any(|name| record.key.ends_with(name));
            let value = record.value.as_deref().map_or("deleted".to_owned(), short_hash);
            let value = if hashed { value } else { String::new() };
            let at = self.seams.elapsed_ms();
            self.seams.trace.line(&format!("{at} write {} {} {value}", record.revision, record.key));
            if hashed && record.key.starts_with("/registry/") {
                self.seams.trace.detail(record.value.as_deref().unwrap_or_default());
            }
            platter.unsynced.push(record.clone());
        }
        if sync {
            let mut synced = std::mem::take(&mut platter.unsynced);
            platter.book.append(&mut synced);
        }
    }
}

/// One process's hold on the disk.
pub(crate) struct Handle {
    disk: Disk,
    inner: MemoryEngine,
    life: CancellationToken,
    /// Whether power may be cut in the middle of an append.
    fatal: bool,
}

fn dead() -> EngineError {
    EngineError::Failed("the process is dead".to_owned())
}

impl Engine for Handle {
    fn load(&mut self, each: &mut dyn FnMut(Record)) -> Result<Loaded, EngineError> {
        self.inner.load(each)
    }

    fn append(&mut self, records: &[Record], high_water: Revision, sync: bool) -> Result<(), EngineError> {
        if self.life.is_cancelled() {
            return Err(dead());
        }
        let cut = self.fatal && !records.is_empty() && self.disk.chance.one_in(1500);
        // Either nothing of the batch is on the disk, or all of it, and nobody hears of either.
        let kept = !cut || self.disk.chance.one_in(2);
        if kept {
            self.inner.append(records, high_water, sync)?;
            self.disk.note(records, sync);
        }
        if cut {
            self.disk.seams.trace.line(&format!("{} power cut, kept {kept}", self.disk.seams.elapsed_ms()));
            self.life.cancel();
            return Err(dead());
        }
        Ok(())
    }

    fn compact(&mut self, superseded: &[Revision], floor: Revision) -> Result<(), EngineError> {
        if self.life.is_cancelled() {
            return Err(dead());
        }
        self.disk.note(&[], true);
        self.inner.compact(superseded, floor)
    }

    fn close(&mut self) -> Result<(), EngineError> {
        if self.life.is_cancelled() {
            return Ok(());
        }
        self.disk.note(&[], true);
        self.inner.close()
    }
}

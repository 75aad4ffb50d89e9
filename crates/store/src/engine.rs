//! What makes batches durable: an append-only log of records. Implementations do IO only; every decision is the core's.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use crate::item::Revision;

/// One accepted write as the log keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub revision: Revision,
    pub key: Arc<str>,
    pub created: Revision,
    /// The value without its revision; `None`: a deletion.
    pub value: Option<Bytes>,
    pub splice_at: usize,
    /// Seconds since 1970 at which it was written.
    pub written: i64,
    pub expires: Option<i64>,
}

/// What a log knew besides its records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// No revision above this one was ever handed out.
    pub high_water: Revision,
    /// Superseded records up to here may be missing.
    pub compacted: Revision,
    /// The last run ended cleanly: nothing it acknowledged lazily was lost.
    pub clean: bool,
}

/// Why the log could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("open {path}: {source}")]
    Open { path: PathBuf, source: rusqlite::Error },
    #[error("{step}: {source}")]
    Sqlite { step: &'static str, source: rusqlite::Error },
    #[error("record at revision {revision} of {path} is damaged (checksum differs); restore a snapshot")]
    Damaged { path: PathBuf, revision: Revision },
    #[error("{path} was written by a newer version (format {format}); use that version, or restore a snapshot")]
    Newer { path: PathBuf, format: i64 },
    #[error("{0}")]
    Failed(String),
}

/// An append-only log. All calls come from one thread at a time.
pub trait Engine: Send {
    /// Reads all records in revision order, once, before anything else.
    fn load(&mut self, each: &mut dyn FnMut(Record)) -> Result<Loaded, EngineError>;
    /// Appends a batch and, with `sync`, makes it and everything before it durable. `high_water` is kept beside the records.
    fn append(&mut self, records: &[Record], high_water: Revision, sync: bool) -> Result<(), EngineError>;
    /// Drops the superseded records named here and gives their space back; history up to `floor` is gone after this.
    fn compact(&mut self, superseded: &[Revision], floor: Revision) -> Result<(), EngineError>;
    /// Marks a clean end, durably.
    fn close(&mut self) -> Result<(), EngineError>;
}

//! Revisioned key-value store with watch. A pure core (checks, history, events) under an [`Engine`] that makes batches durable.
//! Knows nothing of Kubernetes: values are bytes, and `M` is whatever the owner wants to keep beside them.

mod committer;
mod engine;
mod head;
mod item;
mod memory;
mod open;
mod ring;
mod snapshot;
mod sqlite;
mod watch;

#[cfg(test)]
mod tests;

pub use engine::{Engine, EngineError, Loaded, Record};
pub use item::{CommitError, Committed, Compacted, Event, Expect, Item, Op, Revision, Write};
pub use memory::MemoryEngine;
pub use open::{Options, Store};
pub use snapshot::Snapshot;
pub use sqlite::SqliteEngine;
pub use watch::{Cursor, Place};

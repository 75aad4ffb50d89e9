//! The words of the store: items, writes, events and how they can fail.

use std::sync::Arc;

use bytes::Bytes;

/// The store's clock: every accepted write gets the next one; it never goes back and is never reused.
pub type Revision = u64;

/// A present key at one revision. Shared, never changed.
#[derive(Debug)]
pub struct Item<M> {
    pub key: Arc<str>,
    pub revision: Revision,
    /// Revision at which the key came into being (again, after a deletion).
    pub created: Revision,
    /// The value with `revision` written in at `splice_at`, ready to be served.
    pub bytes: Bytes,
    /// Offset of the revision's digits in `bytes`.
    pub splice_at: usize,
    /// Seconds since 1970 at which the key disappears by itself.
    pub expires: Option<i64>,
    pub meta: Arc<M>,
}

impl<M> Item<M> {
    /// The value with another revision in place of its own: what a deletion event shows.
    pub fn bytes_at(&self, revision: Revision) -> Bytes {
        let digits = decimal_length(self.revision);
        splice(&self.bytes[..self.splice_at], revision, &self.bytes[self.splice_at + digits..])
    }

    /// The value as the engine keeps it, without a revision.
    pub fn unspliced(&self) -> Vec<u8> {
        let digits = decimal_length(self.revision);
        [&self.bytes[..self.splice_at], &self.bytes[self.splice_at + digits..]].concat()
    }
}

/// What a write demands of the key's present state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    Absent,
    Revision(Revision),
    /// Present, at whatever revision.
    Exists,
}

/// What a write does.
#[derive(Debug)]
pub enum Op<M> {
    /// Stores `bytes`; the revision's digits are inserted at offset `splice_at`.
    Put {
        bytes: Bytes,
        splice_at: usize,
        meta: Arc<M>,
    },
    Delete,
}

/// One conditional write of one key.
#[derive(Debug)]
pub struct Write<M> {
    pub key: Arc<str>,
    pub expect: Expect,
    pub op: Op<M>,
    /// The key disappears by itself after this many seconds.
    pub ttl_seconds: Option<u32>,
    /// The fsync of this write may wait up to a second (node heartbeats, Events).
    pub lazy: bool,
}

/// An accepted write: durable, unless it was lazy.
#[derive(Debug)]
pub struct Committed<M> {
    pub revision: Revision,
    /// The new state; after a deletion the last state, with the deletion's revision in its bytes.
    pub item: Arc<Item<M>>,
}

/// Why a write was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum CommitError<M> {
    #[error("the key is not in the expected state")]
    Conflict { current: Option<Arc<Item<M>>> },
    #[error("the store is closed")]
    Closed,
}

/// The revision asked for is older than the history that is kept; the reader must list again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("revision has been compacted: history begins after {oldest}")]
pub struct Compacted {
    /// Changes after this revision are still known.
    pub oldest: Revision,
}

/// One change of one key.
#[derive(Debug)]
pub struct Event<M> {
    pub revision: Revision,
    pub previous: Option<Arc<Item<M>>>,
    /// `None`: deleted; `deleted` then has the last state with this revision.
    pub current: Option<Arc<Item<M>>>,
    pub deleted: Option<Arc<Item<M>>>,
}

impl<M> Event<M> {
    /// The state this event shows to a reader: the new one, or the last one of a deleted key.
    pub fn shown(&self) -> &Arc<Item<M>> {
        self.current.as_ref().or(self.deleted.as_ref()).expect("an event shows the new or the deleted state")
    }

    /// The key that changed.
    pub fn key(&self) -> &Arc<str> {
        &self.shown().key
    }
}

/// Writes `revision` in decimal between two parts of a value.
pub(crate) fn splice(head: &[u8], revision: Revision, tail: &[u8]) -> Bytes {
    // To the byte: what is longer than its text needs a piece of memory more to say so, for as long as it is held.
    let mut out = Vec::with_capacity(head.len() + tail.len() + decimal_length(revision));
    out.extend_from_slice(head);
    out.extend_from_slice(revision.to_string().as_bytes());
    out.extend_from_slice(tail);
    Bytes::from(out)
}

fn decimal_length(revision: Revision) -> usize {
    revision.checked_ilog10().map_or(1, |log| log as usize + 1)
}

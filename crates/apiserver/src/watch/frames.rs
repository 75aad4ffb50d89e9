//! Frames already encoded, shared by all watchers that want the same: one encoding per event, kind and shape, within a byte budget.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use parking_lot::Mutex;
use store::Revision;

use super::events::{EventType, Shape};
use crate::negotiate::{Encoding, Transform};
use crate::status::Status;
use crate::table::Include;

/// A frame that is larger by itself is not kept.
const BYTES_MAX: usize = 2 * 1024 * 1024;
/// What an entry costs beside its bytes.
const ENTRY_BYTES: usize = 224;

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    revision: Revision,
    /// Where the kind's row lies: rows never move.
    row: usize,
    generation: u64,
    event_type: EventType,
    encoding: Encoding,
    transform: Transform,
    include: Include,
    columns: bool,
    meta_version: &'static str,
}

/// The shared frames, oldest out first.
#[derive(Default)]
pub struct Frames(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    frames: HashMap<Key, Bytes>,
    order: VecDeque<Key>,
    bytes: usize,
}

impl Frames {
    /// The frame for this event, encoded by the first who asks.
    pub(super) fn get(
        &self,
        revision: Revision,
        event_type: EventType,
        shape: Shape,
        encode: impl FnOnce() -> Result<Bytes, Status>,
    ) -> Result<Bytes, Status> {
        let key = Key {
            revision,
            row: std::ptr::from_ref(shape.kind).addr(),
            generation: shape.generation,
            event_type,
            encoding: shape.format.encoding,
            transform: shape.format.transform,
            include: shape.include,
            columns: shape.columns,
            meta_version: shape.format.meta_version,
        };
        if let Some(frame) = self.0.lock().frames.get(&key) {
            return Ok(frame.clone());
        }
        let frame = encode()?;
        self.0.lock().keep(key, frame.clone());
        Ok(frame)
    }
}

impl Inner {
    fn keep(&mut self, key: Key, frame: Bytes) {
        if ENTRY_BYTES + frame.len() > BYTES_MAX {
            return;
        }
        self.bytes += ENTRY_BYTES + frame.len();
        if let Some(replaced) = self.frames.insert(key.clone(), frame) {
            self.bytes -= ENTRY_BYTES + replaced.len();
            return;
        }
        self.order.push_back(key);
        while self.bytes > BYTES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.bytes -= self.frames.remove(&oldest).map_or(0, |frame| ENTRY_BYTES + frame.len());
        }
    }
}

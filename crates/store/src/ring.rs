//! The newest events of one resource, bounded by bytes and age. Watchers read it by revision; none of them owns a queue.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::item::{Compacted, Event, Revision};

/// Events of one resource in revision order.
#[derive(Debug)]
pub(crate) struct Ring<M> {
    events: VecDeque<(i64, Arc<Event<M>>)>,
    bytes: usize,
    /// All events after this revision are here.
    floor: Revision,
}

/// How much history a ring keeps.
#[derive(Clone, Copy, Debug)]
pub struct RingLimits {
    pub bytes: usize,
    pub seconds: i64,
}

impl<M> Ring<M> {
    pub(crate) fn new(floor: Revision) -> Self {
        Self { events: VecDeque::new(), bytes: 0, floor }
    }

    pub(crate) fn push(&mut self, event: Arc<Event<M>>, now: i64, limits: RingLimits) {
        self.bytes += weight(&event);
        self.events.push_back((now, event));
        while let Some((written, oldest)) = self.events.front() {
            let old = now - written > limits.seconds;
            if !old && self.bytes <= limits.bytes {
                break;
            }
            self.bytes -= weight(oldest);
            self.floor = oldest.revision;
            self.events.pop_front();
        }
    }

    /// Up to `limit` events after `after`, oldest first.
    pub(crate) fn after(&self, after: Revision, limit: usize) -> Result<Vec<Arc<Event<M>>>, Compacted> {
        if after < self.floor {
            return Err(Compacted { oldest: self.floor });
        }
        // Most who ask have read all there is, or all but the newest.
        let newest = self.events.iter().rev().take(2).take_while(|(_, event)| event.revision > after).count();
        if newest < 2 {
            return Ok(self.events.iter().rev().take(newest.min(limit)).map(|(_, event)| event.clone()).collect());
        }
        let start = self.events.partition_point(|(_, event)| event.revision <= after);
        Ok(self.events.range(start..).take(limit).map(|(_, event)| event.clone()).collect())
    }

    /// Forgets that events up to `revision` were complete: readers from before it must list again.
    pub(crate) fn raise_floor(&mut self, revision: Revision) {
        self.floor = self.floor.max(revision);
        while self.events.front().is_some_and(|(_, event)| event.revision <= revision) {
            if let Some((_, event)) = self.events.pop_front() {
                self.bytes -= weight(&event);
            }
        }
    }
}

/// An event and an item beside the item's value, as the allocator rounds them.
const EVENT_BYTES: usize = 256;

fn weight<M>(event: &Event<M>) -> usize {
    // The current state is shared with the cache; what the ring alone keeps alive is the event and the previous state.
    EVENT_BYTES
        + event.previous.as_ref().map_or(0, |item| item.bytes.len())
        + event.deleted.as_ref().map_or(0, |item| item.bytes.len())
}

//! A watcher's place in a resource's history: a revision, nothing else.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;
use tokio::sync::watch;

use crate::head::Head;
use crate::item::{Compacted, Event, Revision};

const READ_AT_ONCE: usize = 64;

/// Reads the events of one resource from a revision on. Dropping it ends the watch.
pub struct Cursor<M> {
    head: Arc<RwLock<Head<M>>>,
    prefix: String,
    after: Revision,
    read: VecDeque<Arc<Event<M>>>,
    newest: Arc<AtomicU64>,
    signal: watch::Receiver<Revision>,
}

/// How far a cursor has read; without the cursor, which only one can read.
#[derive(Debug)]
pub struct Place {
    newest: Arc<AtomicU64>,
    after: Revision,
}

impl Place {
    /// Nothing has come since. It takes no lock.
    pub fn is_newest(&self) -> bool {
        self.newest.load(Ordering::Acquire) <= self.after
    }
}

impl<M> Cursor<M> {
    pub(crate) fn new(head: Arc<RwLock<Head<M>>>, prefix: &str, after: Revision) -> Result<Self, Compacted> {
        let (newest, signal) = {
            let mut guard = head.write();
            let resource = guard.resource(prefix);
            resource.ring.after(after, 1)?;
            (resource.newest.clone(), resource.signal.subscribe())
        };
        Ok(Self { head, prefix: prefix.to_owned(), after, read: VecDeque::new(), newest, signal })
    }

    /// The next event; waits for it. `Err`: this watcher was too slow, its place is gone.
    pub async fn next(&mut self) -> Result<Arc<Event<M>>, Compacted> {
        loop {
            self.signal.mark_unchanged();
            if let Some(event) = self.try_next()? {
                return Ok(event);
            }
            if self.signal.changed().await.is_err() {
                // The store is gone: nothing will ever come.
                std::future::pending::<()>().await;
            }
        }
    }

    /// The next event, if there is one now.
    pub fn try_next(&mut self) -> Result<Option<Arc<Event<M>>>, Compacted> {
        if self.read.is_empty() {
            if self.newest.load(Ordering::Acquire) <= self.after {
                return Ok(None);
            }
            let head = self.head.read();
            if let Some(resource) = head.known(&self.prefix) {
                self.read = resource.ring.after(self.after, READ_AT_ONCE)?.into();
            }
        }
        let event = self.read.pop_front();
        if let Some(event) = &event {
            self.after = event.revision;
        }
        Ok(event)
    }

    /// Where it is.
    pub fn place(&self) -> Place {
        Place { newest: self.newest.clone(), after: self.after }
    }

    /// Everything up to this revision has been read: what a bookmark may say.
    pub fn position(&self) -> Result<Revision, Compacted> {
        if !self.read.is_empty() {
            return Ok(self.after);
        }
        let head = self.head.read();
        let unread = head.known(&self.prefix).map_or(Ok(Vec::new()), |resource| resource.ring.after(self.after, 1))?;
        Ok(if unread.is_empty() { head.revision.max(self.after) } else { self.after })
    }
}

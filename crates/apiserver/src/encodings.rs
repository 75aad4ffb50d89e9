//! Protobuf made of stored objects, kept for those who ask for the same again: informers of many nodes, pages of a list, watches that begin.
//! One budget in bytes for all kinds, the least recently used out first; a stored revision never changes, so nothing here grows stale.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use parking_lot::Mutex;
use store::Revision;

use crate::negotiate::Transform;
use crate::status::Status;

const BYTES_MAX: usize = 16 * 1024 * 1024;
/// What an entry costs beside its bytes.
const ENTRY_BYTES: usize = 256;

/// What is encoded: every write has a revision of its own, so it names the object too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub revision: Revision,
    pub group: &'static str,
    pub version: &'static str,
    pub kind: &'static str,
    pub transform: Transform,
}

/// The kept messages.
#[derive(Default)]
pub(crate) struct Encodings(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    entries: HashMap<Key, (u64, Bytes)>,
    /// By last use.
    order: BTreeMap<u64, Key>,
    uses: u64,
    bytes: usize,
}

impl Encodings {
    /// The message of this key, made by the first who asks.
    pub fn get(&self, key: Key, encode: impl FnOnce() -> Result<Bytes, Status>) -> Result<Bytes, Status> {
        if let Some(message) = self.0.lock().used(&key) {
            return Ok(message);
        }
        let message = encode()?;
        self.0.lock().keep(key, message.clone(), BYTES_MAX);
        Ok(message)
    }
}

impl Inner {
    fn used(&mut self, key: &Key) -> Option<Bytes> {
        let (last, message) = self.entries.get_mut(key)?;
        self.order.remove(last);
        self.uses += 1;
        *last = self.uses;
        self.order.insert(self.uses, *key);
        Some(message.clone())
    }

    fn keep(&mut self, key: Key, message: Bytes, bytes_max: usize) {
        self.forget(&key);
        self.uses += 1;
        self.bytes += message.len() + ENTRY_BYTES;
        self.order.insert(self.uses, key);
        self.entries.insert(key, (self.uses, message));
        while self.bytes > bytes_max
            && let Some((_, oldest)) = self.order.first_key_value()
        {
            let oldest = *oldest;
            self.forget(&oldest);
        }
    }

    fn forget(&mut self, key: &Key) {
        if let Some((last, message)) = self.entries.remove(key) {
            self.order.remove(&last);
            self.bytes -= message.len() + ENTRY_BYTES;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(revision: Revision) -> Key {
        Key { revision, group: "", version: "v1", kind: "Pod", transform: Transform::Whole }
    }

    #[test]
    fn the_least_recently_used_goes_first_and_the_budget_holds() {
        let (mut inner, budget) = (Inner::default(), 4 * (ENTRY_BYTES + 100));
        for revision in 1..=4 {
            inner.keep(key(revision), Bytes::from(vec![0; 100]), budget);
        }
        assert!(inner.used(&key(1)).is_some());
        inner.keep(key(5), Bytes::from(vec![0; 100]), budget);
        assert_eq!((inner.used(&key(2)), inner.entries.len()), (None, 4));
        assert!(inner.used(&key(1)).is_some());
        for revision in 6..1000 {
            inner.keep(key(revision), Bytes::from(vec![0; 100]), budget);
            assert!(inner.bytes <= budget && inner.entries.len() == inner.order.len());
        }
        inner.keep(key(2000), Bytes::from(vec![0; 2 * budget]), budget);
        assert_eq!((inner.bytes, inner.entries.len(), inner.order.len()), (0, 0, 0), "more than all is not kept");
    }

    #[test]
    fn a_message_is_made_once() {
        let encodings = Encodings::default();
        let first = encodings.get(key(1), || Ok("a".into()));
        assert_eq!(first, Ok(Bytes::from("a")));
        assert_eq!(encodings.get(key(1), || Ok("b".into())), Ok(Bytes::from("a")));
        assert_eq!(encodings.get(key(2), || Err(Status::internal("no"))).unwrap_err().code, 500);
    }
}

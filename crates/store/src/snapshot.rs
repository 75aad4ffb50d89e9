//! An immutable view of all keys at one revision. Taking one is O(1); holding one blocks nobody.

use std::ops::Bound;
use std::sync::Arc;

use imbl::OrdMap;

use crate::item::{Item, Revision};

/// All present keys at `revision`.
#[derive(Debug)]
pub struct Snapshot<M> {
    pub(crate) revision: Revision,
    pub(crate) items: OrdMap<Arc<str>, Arc<Item<M>>>,
}

impl<M> Clone for Snapshot<M> {
    fn clone(&self) -> Self {
        Self { revision: self.revision, items: self.items.clone() }
    }
}

impl<M> Snapshot<M> {
    /// The revision this view shows.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The item at `key`.
    pub fn get(&self, key: &str) -> Option<&Arc<Item<M>>> {
        self.items.get(key)
    }

    /// Items whose key starts with `prefix`, in key order.
    pub fn range<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a Arc<Item<M>>> + 'a {
        self.range_from(prefix, prefix)
    }

    /// As [`Snapshot::range`], beginning at the first key at or after `start`.
    pub fn range_from<'a>(&'a self, prefix: &'a str, start: &'a str) -> impl Iterator<Item = &'a Arc<Item<M>>> + 'a {
        let from = if start > prefix { start } else { prefix };
        self.items
            .range::<_, str>((Bound::Included(from), Bound::Unbounded))
            .take_while(move |(key, _)| key.starts_with(prefix))
            .map(|(_, item)| item)
    }
}

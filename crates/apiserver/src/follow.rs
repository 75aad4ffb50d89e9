//! Views derived from stored objects that are in step with the store whenever they are read: each read first applies the events that came
//! since the last one. A view that was left behind is built anew from a snapshot.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use store::{Compacted, Cursor, Item};

use crate::meta::Meta;
use crate::objects::Objects;

/// What is derived. `source` is the index in [`View::SOURCES`].
pub(crate) trait View: Default + Send + Sync + 'static {
    /// Upstream's storage names of the resources it is made of (`clusterroles`).
    const SOURCES: &'static [&'static str];

    fn put(&mut self, source: usize, item: &Item<Meta>);

    fn remove(&mut self, source: usize, item: &Item<Meta>);
}

/// A view with its places in the store's history.
pub(crate) struct Followed<V> {
    objects: Objects,
    view: RwLock<V>,
    cursors: Mutex<Vec<Cursor<Meta>>>,
    seen: AtomicU64,
}

impl<V: View> Followed<V> {
    pub(crate) fn new(objects: Objects) -> Self {
        Self {
            objects,
            view: RwLock::new(V::default()),
            cursors: Mutex::new(Vec::new()),
            seen: AtomicU64::new(u64::MAX),
        }
    }

    /// The view, not older than this call.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, V> {
        let revision = self.objects.revision();
        if self.seen.load(Ordering::Acquire) != revision {
            let mut cursors = self.cursors.lock();
            // Another reader may have caught up while this one waited.
            if self.seen.load(Ordering::Acquire) != revision {
                self.catch_up(&mut cursors);
                self.seen.store(revision, Ordering::Release);
            }
        }
        self.view.read()
    }

    fn catch_up(&self, cursors: &mut Vec<Cursor<Meta>>) {
        if cursors.is_empty() {
            return self.rebuild(cursors);
        }
        for (source, cursor) in cursors.iter_mut().enumerate() {
            match self.drain(source, cursor) {
                Ok(()) => {}
                Err(Compacted { .. }) => return self.rebuild(cursors),
            }
        }
    }

    fn drain(&self, source: usize, cursor: &mut Cursor<Meta>) -> Result<(), Compacted> {
        while let Some(event) = cursor.try_next()? {
            let mut view = self.view.write();
            match &event.current {
                Some(item) => view.put(source, item),
                None => view.remove(source, event.shown()),
            }
        }
        Ok(())
    }

    fn rebuild(&self, cursors: &mut Vec<Cursor<Meta>>) {
        let mut fresh = V::default();
        // A snapshot's own revision is never compacted at once; should history be shorter than that, the next turn has a newer one.
        let (snapshot, places) = loop {
            let snapshot = self.objects.snapshot();
            let watch =
                |storage: &&str| self.objects.store.watch(&format!("/registry/{storage}/"), snapshot.revision());
            if let Ok(places) = V::SOURCES.iter().map(watch).collect::<Result<Vec<_>, _>>() {
                break (snapshot, places);
            }
        };
        for (source, storage) in V::SOURCES.iter().enumerate() {
            for item in snapshot.range(&format!("/registry/{storage}/")) {
                fresh.put(source, item);
            }
        }
        *self.view.write() = fresh;
        *cursors = places;
    }
}

//! Views derived from stored objects that are in step with the store whenever they are read: each read first applies the events that came
//! since the last one. A view that was left behind is built anew from a snapshot.

use parking_lot::{MappedRwLockReadGuard, Mutex, RwLock, RwLockReadGuard};
use store::{Compacted, Cursor, Item, Place};

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
    state: RwLock<State<V>>,
    cursors: Mutex<Vec<Cursor<Meta>>>,
}

/// A view and how far it has come in each source. Writes of anything else leave it as it is, and cost its readers nothing.
#[derive(Default)]
struct State<V> {
    view: V,
    places: Vec<Place>,
}

impl<V> State<V> {
    fn is_newest(&self) -> bool {
        !self.places.is_empty() && self.places.iter().all(Place::is_newest)
    }
}

impl<V: View> Followed<V> {
    pub(crate) fn new(objects: Objects) -> Self {
        Self { objects, state: RwLock::default(), cursors: Mutex::new(Vec::new()) }
    }

    /// The view, not older than this call.
    pub(crate) fn read(&self) -> MappedRwLockReadGuard<'_, V> {
        let state = self.state.read();
        if state.is_newest() {
            return RwLockReadGuard::map(state, |state| &state.view);
        }
        drop(state);
        let mut cursors = self.cursors.lock();
        // Another reader may have caught up while this one waited.
        if !self.state.read().is_newest() {
            self.catch_up(&mut cursors);
        }
        RwLockReadGuard::map(self.state.read(), |state| &state.view)
    }

    fn catch_up(&self, cursors: &mut Vec<Cursor<Meta>>) {
        let caught_up = cursors.iter_mut().enumerate().try_for_each(|(source, cursor)| self.drain(source, cursor));
        if cursors.is_empty() || caught_up.is_err() {
            self.rebuild(cursors);
        }
        self.state.write().places = cursors.iter().map(Cursor::place).collect();
    }

    fn drain(&self, source: usize, cursor: &mut Cursor<Meta>) -> Result<(), Compacted> {
        while let Some(event) = cursor.try_next()? {
            let mut state = self.state.write();
            match &event.current {
                Some(item) => state.view.put(source, item),
                None => state.view.remove(source, event.shown()),
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
        self.state.write().view = fresh;
        *cursors = places;
    }
}

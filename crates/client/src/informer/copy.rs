//! The local copy of one resource, and who is told of its changes.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use tokio::sync::watch as channel;

use crate::contents::Contents;
use crate::resource::ObjectKey;
use crate::stored::Stored;

/// Takes the two sides of a change.
type Handler = Box<dyn Fn(Option<&Arc<Stored>>, Option<&Arc<Stored>>) + Send + Sync>;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    pub synced: bool,
    pub revision: u64,
}

#[derive(Default)]
pub(crate) struct LocalCopy {
    contents: Arc<RwLock<Contents>>,
    handlers: Mutex<Vec<Handler>>,
    progress: channel::Sender<Progress>,
}

impl LocalCopy {
    pub fn contents(&self) -> Arc<RwLock<Contents>> {
        self.contents.clone()
    }

    pub fn progress(&self) -> Progress {
        *self.progress.borrow()
    }

    /// Calls `handler` for every object that is there, then for each change, in order.
    pub fn on_change(&self, handler: Handler) {
        let mut handlers = self.handlers.lock();
        let present: Vec<Arc<Stored>> = self.contents.read().objects().cloned().collect();
        for object in &present {
            handler(None, Some(object));
        }
        handlers.push(handler);
    }

    pub async fn wait_synced(&self) {
        self.wait(&|progress| progress.synced).await;
    }

    pub async fn wait_revision(&self, revision: u64) {
        self.wait(&|progress| progress.synced && progress.revision >= revision).await;
    }

    pub async fn wait_deleting(&self, key: &ObjectKey, uid: &str) {
        let is_present = |object: Arc<Stored>| object.uid() == uid && object.object_meta().deletion_timestamp.is_none();
        let present = || self.contents.read().get(key).is_some_and(is_present);
        self.wait(&|progress| progress.synced && !present()).await;
    }

    async fn wait(&self, reached: &(dyn Fn(&Progress) -> bool + Sync)) {
        let mut receiver = self.progress.subscribe();
        receiver.wait_for(|progress| reached(progress)).await.expect("the sender lives in self");
    }

    pub fn apply(&self, object: Arc<Stored>) {
        let handlers = self.handlers.lock();
        let old = self.contents.write().insert(object.clone());
        if old.as_ref().is_some_and(|old| Arc::ptr_eq(old, &object) || same_revision(&**old, &*object)) {
            return;
        }
        handlers.iter().for_each(|handler| handler(old.as_ref(), Some(&object)));
    }

    pub fn delete(&self, key: &ObjectKey, last: Option<Arc<Stored>>) {
        let handlers = self.handlers.lock();
        let Some(held) = self.contents.write().remove(key) else { return };
        let old = last.unwrap_or(held);
        handlers.iter().for_each(|handler| handler(Some(&old), None));
    }

    pub fn replace(&self, objects: Vec<Arc<Stored>>) {
        let present: BTreeSet<ObjectKey> = objects.iter().map(|object| object.key()).collect();
        let held: Vec<ObjectKey> = self.contents.read().objects().map(|object| object.key()).collect();
        for key in held.iter().filter(|key| !present.contains(key)) {
            self.delete(key, None);
        }
        for object in objects {
            self.apply(object);
        }
    }

    pub fn reached(&self, revision: u64) {
        self.progress.send_modify(|progress| progress.revision = progress.revision.max(revision));
    }

    /// After a whole list: its revision holds even where it is below the last one (a restored server).
    pub fn synced(&self, revision: u64) {
        self.progress.send_modify(|progress| *progress = Progress { synced: true, revision });
    }
}

fn same_revision(old: &Stored, new: &Stored) -> bool {
    old.uid() == new.uid() && old.revision() == new.revision() && new.revision() != 0
}

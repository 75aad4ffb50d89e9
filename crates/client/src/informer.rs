//! The handle of one resource's informer: a local copy, how far it is, and callbacks on each change.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::lister::Lister;
use crate::resource::{Object, ObjectKey};
use crate::stored::Stored;

mod copy;
mod reflector;
#[cfg(test)]
mod tests;

pub(crate) use copy::LocalCopy;
pub(crate) use reflector::Reflector;

/// What happened to one object. At least one side is there.
pub struct Change<K> {
    pub old: Option<Arc<K>>,
    pub new: Option<Arc<K>>,
}

impl<K: Object> Change<K> {
    /// The object's newest known state.
    pub fn object(&self) -> &Arc<K> {
        self.new.as_ref().or(self.old.as_ref()).expect("a change has a side")
    }

    pub fn key(&self) -> ObjectKey {
        self.object().key()
    }

    pub fn is_delete(&self) -> bool {
        self.new.is_none()
    }
}

/// A shared handle to one reflector.
pub struct Informer<K> {
    copy: Arc<LocalCopy>,
    kind: PhantomData<fn() -> K>,
}

impl<K> Clone for Informer<K> {
    fn clone(&self) -> Self {
        Self::of(self.copy.clone())
    }
}

impl<K> Informer<K> {
    /// Of a copy that holds this kind only.
    pub(crate) fn of(copy: Arc<LocalCopy>) -> Self {
        Self { copy, kind: PhantomData }
    }

    /// Whether the first whole list has arrived.
    pub fn is_synced(&self) -> bool {
        self.copy.progress().synced
    }

    /// The newest revision this informer is known to have seen.
    pub fn revision(&self) -> u64 {
        self.copy.progress().revision
    }

    /// Waits for the first whole list.
    pub fn wait_synced(&self) -> impl Future<Output = ()> + Send {
        self.copy.wait_synced()
    }

    /// Waits until everything up to `revision` has been seen.
    pub fn wait_revision(&self, revision: u64) -> impl Future<Output = ()> + Send {
        self.copy.wait_revision(revision)
    }

    /// Waits until the object with this uid is gone or marked for deletion.
    pub fn wait_deleting(&self, key: &ObjectKey, uid: &str) -> impl Future<Output = ()> + Send {
        self.copy.wait_deleting(key, uid)
    }
}

impl<K: Object> Informer<K> {
    pub fn lister(&self) -> Lister<K> {
        Lister::of(self.copy.contents())
    }

    /// Calls `handler` for every object that is there, then for each change, in order. It runs on the watch's task:
    /// it may put keys into queues, nothing slower.
    pub fn on_change(&self, handler: impl Fn(&Change<K>) + Send + Sync + 'static) {
        self.copy.on_change(Box::new(move |old, new| {
            let side = |object: Option<&Arc<Stored>>| object.cloned().map(|object| object.typed());
            handler(&Change { old: side(old), new: side(new) });
        }));
    }
}

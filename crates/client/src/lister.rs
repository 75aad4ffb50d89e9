//! Reads of the local copy of one resource that an informer keeps.

use std::marker::PhantomData;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::contents::Contents;
use crate::resource::{Object, ObjectKey};

/// Which values an object has in an index.
pub type IndexBy<K> = fn(&K) -> Vec<String>;

/// Reads of the local copy. Cheap to clone; every answer is a snapshot of shared objects in key order.
pub struct Lister<K> {
    contents: Arc<RwLock<Contents>>,
    kind: PhantomData<fn() -> K>,
}

impl<K> Clone for Lister<K> {
    fn clone(&self) -> Self {
        Self::of(self.contents.clone())
    }
}

impl<K: Object> Default for Lister<K> {
    fn default() -> Self {
        Self::of(Arc::default())
    }
}

impl<K: Object> FromIterator<K> for Lister<K> {
    fn from_iter<I: IntoIterator<Item = K>>(objects: I) -> Self {
        let lister = Self::default();
        for object in objects {
            lister.contents.write().insert(Arc::new(object));
        }
        lister
    }
}

impl<K> Lister<K> {
    /// Of contents that hold this kind only.
    pub(crate) fn of(contents: Arc<RwLock<Contents>>) -> Self {
        Self { contents, kind: PhantomData }
    }

    pub fn len(&self) -> usize {
        self.contents.read().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K: Object> Lister<K> {
    pub fn get(&self, key: &ObjectKey) -> Option<Arc<K>> {
        self.contents.read().get(key).map(|object| object.typed())
    }

    pub fn list(&self) -> Vec<Arc<K>> {
        self.contents.read().objects().map(|object| object.clone().typed()).collect()
    }

    /// The objects of one namespace.
    pub fn list_namespace(&self, namespace: &str) -> Vec<Arc<K>> {
        self.contents.read().namespace(namespace).map(|object| object.clone().typed()).collect()
    }

    /// The objects that have `value` in the index `name`. An index nobody added is a bug of the caller.
    pub fn by_index(&self, name: &str, value: &str) -> Vec<Arc<K>> {
        self.contents.read().indexed(name, value).map(|object| object.typed()).collect()
    }

    /// Adds an index over what is there and what comes. Adding one of the same name again changes nothing.
    pub fn add_index(&self, name: &'static str, by: IndexBy<K>) {
        self.contents.write().add_index(name, Box::new(move |object| by(object.typed_ref())));
    }
}

//! The local copy of one resource that an informer keeps: by key in order, by namespace and by named indexes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::RwLock;

use crate::resource::{Object, ObjectKey};

/// Which values an object has in an index.
pub type IndexBy<K> = fn(&K) -> Vec<String>;

struct Index<K> {
    by: IndexBy<K>,
    keys: BTreeMap<String, BTreeSet<ObjectKey>>,
}

struct Contents<K> {
    objects: BTreeMap<ObjectKey, Arc<K>>,
    indexes: BTreeMap<&'static str, Index<K>>,
}

/// Reads of the local copy. Cheap to clone; every answer is a snapshot of shared objects in key order.
pub struct Lister<K> {
    contents: Arc<RwLock<Contents<K>>>,
}

impl<K> Clone for Lister<K> {
    fn clone(&self) -> Self {
        Self { contents: self.contents.clone() }
    }
}

impl<K: Object> Default for Lister<K> {
    fn default() -> Self {
        let contents = Contents { objects: BTreeMap::new(), indexes: BTreeMap::new() };
        Self { contents: Arc::new(RwLock::new(contents)) }
    }
}

impl<K: Object> FromIterator<K> for Lister<K> {
    fn from_iter<I: IntoIterator<Item = K>>(objects: I) -> Self {
        let lister = Self::default();
        for object in objects {
            lister.insert(Arc::new(object));
        }
        lister
    }
}

impl<K: Object> Lister<K> {
    pub fn get(&self, key: &ObjectKey) -> Option<Arc<K>> {
        self.contents.read().objects.get(key).cloned()
    }

    pub fn list(&self) -> Vec<Arc<K>> {
        self.contents.read().objects.values().cloned().collect()
    }

    /// The objects of one namespace.
    pub fn list_namespace(&self, namespace: &str) -> Vec<Arc<K>> {
        let contents = self.contents.read();
        let from = ObjectKey::new(namespace, "");
        let rest = contents.objects.range(from..);
        rest.take_while(|(key, _)| key.namespace == namespace).map(|(_, object)| object.clone()).collect()
    }

    /// The objects that have `value` in the index `name`. An index nobody added is a bug of the caller.
    pub fn by_index(&self, name: &str, value: &str) -> Vec<Arc<K>> {
        let contents = self.contents.read();
        let index = contents.indexes.get(name).expect("an index is added before it is read");
        let keys = index.keys.get(value).into_iter().flatten();
        keys.filter_map(|key| contents.objects.get(key).cloned()).collect()
    }

    pub fn len(&self) -> usize {
        self.contents.read().objects.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds an index over what is there and what comes. Adding one of the same name again changes nothing.
    pub fn add_index(&self, name: &'static str, by: IndexBy<K>) {
        let mut contents = self.contents.write();
        if contents.indexes.contains_key(name) {
            return;
        }
        let mut index = Index { by, keys: BTreeMap::new() };
        for (key, object) in &contents.objects {
            index.insert(key, object);
        }
        contents.indexes.insert(name, index);
    }

    /// Puts an object in and returns what it replaces.
    pub(crate) fn insert(&self, object: Arc<K>) -> Option<Arc<K>> {
        let key = object.key();
        let mut contents = self.contents.write();
        let Contents { objects, indexes } = &mut *contents;
        let old = objects.insert(key.clone(), object.clone());
        for index in indexes.values_mut() {
            if let Some(old) = &old {
                index.remove(&key, old);
            }
            index.insert(&key, &object);
        }
        old
    }

    pub(crate) fn remove(&self, key: &ObjectKey) -> Option<Arc<K>> {
        let mut contents = self.contents.write();
        let Contents { objects, indexes } = &mut *contents;
        let old = objects.remove(key)?;
        for index in indexes.values_mut() {
            index.remove(key, &old);
        }
        Some(old)
    }

    pub(crate) fn keys(&self) -> Vec<ObjectKey> {
        self.contents.read().objects.keys().cloned().collect()
    }
}

impl<K> Index<K> {
    fn insert(&mut self, key: &ObjectKey, object: &K) {
        for value in (self.by)(object) {
            self.keys.entry(value).or_default().insert(key.clone());
        }
    }

    fn remove(&mut self, key: &ObjectKey, object: &K) {
        for value in (self.by)(object) {
            if let Some(keys) = self.keys.get_mut(&value) {
                keys.remove(key);
                if keys.is_empty() {
                    self.keys.remove(&value);
                }
            }
        }
    }
}

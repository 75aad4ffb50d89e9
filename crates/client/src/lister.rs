//! The local copy of one resource that an informer keeps: by key in order, by namespace and by named indexes.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::resource::{Object, ObjectKey};

/// Which values an object has in an index.
pub type IndexBy<K> = fn(&K) -> Vec<String>;

struct Index<K> {
    by: IndexBy<K>,
    keys: BTreeMap<String, BTreeSet<ObjectKey>>,
}

/// What has a key: an object, which need not be held twice, or a key that is looked for.
trait Keyed {
    fn place(&self) -> (&str, &str);
}

impl Keyed for ObjectKey {
    fn place(&self) -> (&str, &str) {
        (&self.namespace, &self.name)
    }
}

/// An object in key order.
struct Held<K>(Arc<K>);

impl<K: Object> Keyed for Held<K> {
    fn place(&self) -> (&str, &str) {
        (self.0.namespace(), self.0.name())
    }
}

impl<'a, K: Object> Borrow<dyn Keyed + 'a> for Held<K> {
    fn borrow(&self) -> &(dyn Keyed + 'a) {
        self
    }
}

impl Ord for dyn Keyed + '_ {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }
}

impl PartialOrd for dyn Keyed + '_ {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for dyn Keyed + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for dyn Keyed + '_ {}

impl<K: Object> Ord for Held<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }
}

impl<K: Object> PartialOrd for Held<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K: Object> PartialEq for Held<K> {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl<K: Object> Eq for Held<K> {}

struct Contents<K> {
    objects: BTreeSet<Held<K>>,
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
        let contents = Contents { objects: BTreeSet::new(), indexes: BTreeMap::new() };
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
        self.contents.read().get(key)
    }

    pub fn list(&self) -> Vec<Arc<K>> {
        self.contents.read().objects.iter().map(|held| held.0.clone()).collect()
    }

    /// The objects of one namespace.
    pub fn list_namespace(&self, namespace: &str) -> Vec<Arc<K>> {
        let contents = self.contents.read();
        let from = ObjectKey::new(namespace, "");
        let from: &dyn Keyed = &from;
        let rest = contents.objects.range::<dyn Keyed, _>((Bound::Included(from), Bound::Unbounded));
        rest.take_while(|held| held.0.namespace() == namespace).map(|held| held.0.clone()).collect()
    }

    /// The objects that have `value` in the index `name`. An index nobody added is a bug of the caller.
    pub fn by_index(&self, name: &str, value: &str) -> Vec<Arc<K>> {
        let contents = self.contents.read();
        let index = contents.indexes.get(name).expect("an index is added before it is read");
        let keys = index.keys.get(value).into_iter().flatten();
        keys.filter_map(|key| contents.get(key)).collect()
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
        for Held(object) in &contents.objects {
            index.insert(&object.key(), object);
        }
        contents.indexes.insert(name, index);
    }

    /// Puts an object in and returns what it replaces.
    pub(crate) fn insert(&self, object: Arc<K>) -> Option<Arc<K>> {
        let mut contents = self.contents.write();
        let Contents { objects, indexes } = &mut *contents;
        let old = objects.replace(Held(object.clone())).map(|held| held.0);
        for index in indexes.values_mut() {
            let key = object.key();
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
        let Held(old) = objects.take(key as &dyn Keyed)?;
        for index in indexes.values_mut() {
            index.remove(key, &old);
        }
        Some(old)
    }

    pub(crate) fn keys(&self) -> Vec<ObjectKey> {
        self.contents.read().objects.iter().map(|held| held.0.key()).collect()
    }
}

impl<K: Object> Contents<K> {
    fn get(&self, key: &ObjectKey) -> Option<Arc<K>> {
        self.objects.get(key as &dyn Keyed).map(|held| held.0.clone())
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

//! What an informer holds: objects by key in order, by namespace and by named indexes.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use crate::resource::ObjectKey;
use crate::stored::Stored;

/// Which values an object has in an index.
type Values = Box<dyn Fn(&Stored) -> Vec<String> + Send + Sync>;

struct Index {
    values: Values,
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
struct Held(Arc<Stored>);

impl Keyed for Held {
    fn place(&self) -> (&str, &str) {
        self.0.place()
    }
}

impl<'a> Borrow<dyn Keyed + 'a> for Held {
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

impl Ord for Held {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }
}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for Held {}

#[derive(Default)]
pub(crate) struct Contents {
    objects: BTreeSet<Held>,
    indexes: BTreeMap<&'static str, Index>,
}

impl Contents {
    pub fn get(&self, key: &ObjectKey) -> Option<Arc<Stored>> {
        self.objects.get(key as &dyn Keyed).map(|held| held.0.clone())
    }

    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// All objects in key order.
    pub fn objects(&self) -> impl Iterator<Item = &Arc<Stored>> {
        self.objects.iter().map(|held| &held.0)
    }

    /// The objects of one namespace.
    pub fn namespace(&self, namespace: &str) -> impl Iterator<Item = &Arc<Stored>> {
        let from = ObjectKey::new(namespace, "");
        let from: &dyn Keyed = &from;
        let rest = self.objects.range::<dyn Keyed, _>((Bound::Included(from), Bound::Unbounded));
        rest.map(|held| &held.0).take_while(move |object| object.place().0 == namespace)
    }

    /// The objects that have `value` in the index `name`. An index nobody added is a bug of the caller.
    pub fn indexed(&self, name: &str, value: &str) -> impl Iterator<Item = Arc<Stored>> {
        let index = self.indexes.get(name).expect("an index is added before it is read");
        index.keys.get(value).into_iter().flatten().filter_map(|key| self.get(key))
    }

    /// Adds an index over what is there and what comes. Adding one of the same name again changes nothing.
    pub fn add_index(&mut self, name: &'static str, values: Values) {
        if self.indexes.contains_key(name) {
            return;
        }
        let mut index = Index { values, keys: BTreeMap::new() };
        for Held(object) in &self.objects {
            index.insert(&object.key(), object);
        }
        self.indexes.insert(name, index);
    }

    /// Puts an object in and returns what it replaces.
    pub fn insert(&mut self, object: Arc<Stored>) -> Option<Arc<Stored>> {
        let old = self.objects.replace(Held(object.clone())).map(|held| held.0);
        for index in self.indexes.values_mut() {
            let key = object.key();
            if let Some(old) = &old {
                index.remove(&key, old);
            }
            index.insert(&key, &object);
        }
        old
    }

    pub fn remove(&mut self, key: &ObjectKey) -> Option<Arc<Stored>> {
        let Held(old) = self.objects.take(key as &dyn Keyed)?;
        for index in self.indexes.values_mut() {
            index.remove(key, &old);
        }
        Some(old)
    }
}

impl Index {
    fn insert(&mut self, key: &ObjectKey, object: &Arc<Stored>) {
        for value in (self.values)(&**object) {
            self.keys.entry(value).or_default().insert(key.clone());
        }
    }

    fn remove(&mut self, key: &ObjectKey, object: &Arc<Stored>) {
        for value in (self.values)(&**object) {
            if let Some(keys) = self.keys.get_mut(&value) {
                keys.remove(key);
                if keys.is_empty() {
                    self.keys.remove(&value);
                }
            }
        }
    }
}

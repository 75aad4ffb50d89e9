//! Objects with their kind forgotten. What holds and follows objects is compiled once like this, not once for each kind in each room that
//! watches it.

use std::any::Any;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::resource::{Object, ObjectKey, revision_of};

/// An object of any kind.
pub(crate) trait AnyObject: Any {
    fn object_meta(&self) -> &ObjectMeta;
}

impl<K: Object> AnyObject for K {
    fn object_meta(&self) -> &ObjectMeta {
        self.meta()
    }
}

pub(crate) type Stored = dyn AnyObject + Send + Sync;

impl Stored {
    pub fn key(&self) -> ObjectKey {
        ObjectKey::of(self.object_meta())
    }

    /// Its namespace and name.
    pub fn place(&self) -> (&str, &str) {
        let meta = self.object_meta();
        (meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default())
    }

    pub fn uid(&self) -> &str {
        self.object_meta().uid.as_deref().unwrap_or_default()
    }

    pub fn revision(&self) -> u64 {
        revision_of(self.object_meta())
    }

    /// The object as what it is: who holds it knows its one kind.
    pub fn typed<K: Object>(self: Arc<Self>) -> Arc<K> {
        let object: Arc<dyn Any + Send + Sync> = self;
        object.downcast().expect("an informer holds objects of its own kind")
    }

    pub fn typed_ref<K: Object>(&self) -> &K {
        let object: &dyn Any = self;
        object.downcast_ref().expect("an informer holds objects of its own kind")
    }
}

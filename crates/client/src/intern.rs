//! One weak table for the whole process: the same object at the same revision is decoded and held once, however many
//! components watch it. Access stays each component's own; only the memory is shared.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Weak};

use parking_lot::Mutex;
use serde::Deserialize;

use crate::resource::Object;

type Table = HashMap<(TypeId, Box<str>), (u64, Weak<dyn Any + Send + Sync>)>;

static TABLE: LazyLock<Mutex<(Table, usize)>> = LazyLock::new(|| Mutex::new((Table::new(), 1024)));

/// Just enough of an object to know whether it was decoded before.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    metadata: HeadMeta<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HeadMeta<'a> {
    #[serde(default)]
    uid: &'a str,
    #[serde(default)]
    resource_version: &'a str,
}

/// Decodes an object, or returns the one another informer holds already, where that may be. managedFields are dropped: no component reads
/// them and they are the largest part of many objects.
pub(crate) fn decode<K: Object>(text: &str) -> Result<Arc<K>, serde_json::Error> {
    if !K::SHARED {
        return decode_new(text);
    }
    let head = serde_json::from_str::<Head>(text).ok();
    let identity = head.and_then(|head| {
        let revision: u64 = head.metadata.resource_version.parse().ok()?;
        (!head.metadata.uid.is_empty()).then(|| (Box::<str>::from(head.metadata.uid), revision))
    });
    let Some((uid, revision)) = identity else {
        return decode_new(text);
    };
    let key = (TypeId::of::<K>(), uid);
    if let Some((held, object)) = TABLE.lock().0.get(&key)
        && *held == revision
        && let Some(object) = object.upgrade()
        && let Ok(object) = object.downcast::<K>()
    {
        return Ok(object);
    }
    let object = decode_new::<K>(text)?;
    let shared: Arc<dyn Any + Send + Sync> = object.clone();
    let mut table = TABLE.lock();
    table.0.insert(key, (revision, Arc::downgrade(&shared)));
    if table.0.len() > table.1 {
        table.0.retain(|_, (_, object)| object.strong_count() > 0);
        table.1 = (table.0.len() * 2).max(1024);
    }
    Ok(object)
}

fn decode_new<K: Object>(text: &str) -> Result<Arc<K>, serde_json::Error> {
    let mut object: K = serde_json::from_str(text)?;
    object.meta_mut().managed_fields = None;
    Ok(Arc::new(object))
}

//! One weak table for the whole process: the same object at the same revision is decoded and held once, however many
//! components watch it. Access stays each component's own; only the memory is shared.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Weak};

use parking_lot::Mutex;
use serde::Deserialize;

use crate::resource::Object;
use crate::stored::Stored;

type Table = HashMap<(TypeId, Box<str>), (u64, Weak<Stored>)>;

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

/// How an informer reads the objects of its kind.
pub(crate) type Decode = fn(&str) -> serde_json::Result<Arc<Stored>>;

/// Decodes an object, or returns the one another informer holds already, where that may be. managedFields are dropped: no component reads
/// them and they are the largest part of many objects.
pub(crate) fn decode<K: Object>(text: &str) -> serde_json::Result<Arc<Stored>> {
    if !K::SHARED {
        return decode_new::<K>(text);
    }
    shared(text, TypeId::of::<K>(), decode_new::<K>)
}

fn decode_new<K: Object>(text: &str) -> serde_json::Result<Arc<Stored>> {
    let mut object: K = serde_json::from_str(text)?;
    object.meta_mut().managed_fields = None;
    Ok(Arc::new(object))
}

fn shared(text: &str, kind: TypeId, decode_new: Decode) -> serde_json::Result<Arc<Stored>> {
    let head = serde_json::from_str::<Head>(text).ok();
    let identity = head.and_then(|head| {
        let revision: u64 = head.metadata.resource_version.parse().ok()?;
        (!head.metadata.uid.is_empty()).then(|| (Box::<str>::from(head.metadata.uid), revision))
    });
    let Some((uid, revision)) = identity else {
        return decode_new(text);
    };
    let key = (kind, uid);
    if let Some((held, object)) = TABLE.lock().0.get(&key)
        && *held == revision
        && let Some(object) = object.upgrade()
    {
        return Ok(object);
    }
    let object = decode_new(text)?;
    let mut table = TABLE.lock();
    table.0.insert(key, (revision, Arc::downgrade(&object)));
    if table.0.len() > table.1 {
        table.0.retain(|_, (_, object)| object.strong_count() > 0);
        table.1 = (table.0.len() * 2).max(1024);
    }
    Ok(object)
}

//! Stored objects as the inside of the server sees them: keys, encoding, and direct reads and writes for admission, authorizers, services
//! and bootstrap. Nothing here authorizes, admits or validates.

use std::sync::Arc;

use api::env::Env;
use api::kind::Kind;
use bytes::Bytes;
use serde_json::Value;
use store::{CommitError, Committed, Compacted, Cursor, Expect, Item, Op, Revision, Snapshot, Store, Write};

use crate::meta::Meta;
use crate::status::Status;

/// A stored object: bytes with their meta.
pub type Object = Arc<Item<Meta>>;

/// The stored objects. Cheap to clone.
#[derive(Clone)]
pub struct Objects {
    pub(crate) store: Store<Meta>,
    pub(crate) env: Env,
}

/// `/registry/pods/`, `/registry/pods/default/`.
pub fn prefix(kind: &Kind, namespace: &str) -> String {
    if namespace.is_empty() {
        format!("/registry/{}/", kind.storage)
    } else {
        format!("/registry/{}/{namespace}/", kind.storage)
    }
}

/// `/registry/pods/default/web`.
pub fn key(kind: &Kind, namespace: &str, name: &str) -> String {
    format!("{}{name}", prefix(kind, if kind.namespaced { namespace } else { "" }))
}

/// What stored bytes begin with, `{` included: the fields that lists of built-in kinds leave out of their items.
pub(crate) fn type_head(kind: &Kind) -> String {
    format!("{{\"kind\":{:?},\"apiVersion\":{:?},", kind.kind, kind.api_version())
}

/// The object's JSON, its kind and apiVersion first, with a gap for the revision's digits: `(bytes, offset of the gap)`.
pub fn encode(object: &mut Value) -> Result<(Bytes, usize), Status> {
    let root = object.as_object_mut().ok_or_else(|| Status::internal("an object is not a JSON object"))?;
    let metadata = root.entry("metadata").or_insert_with(|| Value::Object(Default::default()));
    metadata
        .as_object_mut()
        .ok_or_else(|| Status::internal("metadata is not a JSON object"))?
        .insert("resourceVersion".into(), "".into());
    let mut out = Vec::with_capacity(1024);
    let mut gap = 0;
    write_map(&mut out, root, |out, key, value| {
        if key != "metadata" {
            return serde_json::to_writer(out, value);
        }
        let metadata = value.as_object().expect("checked above");
        write_map(out, metadata, |out, key, value| {
            if key == "resourceVersion" {
                gap = out.len() + 1;
            }
            serde_json::to_writer(out, value)
        })
    })
    .map_err(Status::internal)?;
    Ok((Bytes::from(out), gap))
}

fn write_map(
    out: &mut Vec<u8>,
    map: &serde_json::Map<String, Value>,
    mut write: impl FnMut(&mut Vec<u8>, &str, &Value) -> serde_json::Result<()>,
) -> serde_json::Result<()> {
    out.push(b'{');
    let first = ["kind", "apiVersion"].into_iter().filter_map(|key| map.get_key_value(key));
    let rest = map.iter().filter(|(key, _)| *key != "kind" && *key != "apiVersion");
    for (at, (key, value)) in first.chain(rest).enumerate() {
        if at > 0 {
            out.push(b',');
        }
        serde_json::to_writer(&mut *out, key)?;
        out.push(b':');
        write(out, key, value)?;
    }
    out.push(b'}');
    Ok(())
}

/// The object as a tree, in its stored version.
pub fn parse(object: &Item<Meta>) -> Value {
    parse_bytes(&object.bytes)
}

/// As [`parse`], from the bytes alone.
pub fn parse_bytes(stored: &[u8]) -> Value {
    serde_json::from_slice(stored).expect("stored objects are JSON that this server wrote")
}

impl Objects {
    pub fn new(store: Store<Meta>, env: Env) -> Self {
        Self { store, env }
    }

    pub fn env(&self) -> &Env {
        &self.env
    }

    pub fn revision(&self) -> Revision {
        self.store.revision()
    }

    /// Returns once this revision is there.
    pub(crate) async fn reached(&self, revision: Revision) {
        self.store.reached(revision).await;
    }

    pub fn snapshot(&self) -> Snapshot<Meta> {
        self.store.snapshot()
    }

    pub(crate) fn snapshot_at(&self, prefix: &str, revision: Revision) -> Result<Snapshot<Meta>, Compacted> {
        self.store.snapshot_at(prefix, revision)
    }

    /// Changes of a resource after a revision.
    pub fn watch(&self, prefix: &str, after: Revision) -> Result<Cursor<Meta>, Compacted> {
        self.store.watch(prefix, after)
    }

    /// The durable state of one object.
    pub fn item(&self, kind: &Kind, namespace: &str, name: &str) -> Option<Object> {
        self.store.get(&key(kind, namespace, name))
    }

    /// As [`Objects::item`], parsed.
    pub fn get(&self, kind: &Kind, namespace: &str, name: &str) -> Option<Value> {
        self.item(kind, namespace, name).map(|item| parse(&item))
    }

    /// All objects of a kind, or those of one namespace.
    pub fn items(&self, kind: &Kind, namespace: &str) -> Vec<Object> {
        self.store.snapshot().range(&prefix(kind, namespace)).cloned().collect()
    }

    /// As [`Objects::items`], parsed.
    pub fn list(&self, kind: &Kind, namespace: &str) -> Vec<Value> {
        self.items(kind, namespace).iter().map(|item| parse(item)).collect()
    }

    /// Stores a new object as it is, with uid and creationTimestamp filled in.
    pub async fn create(&self, kind: &'static Kind, mut object: Value) -> Result<Value, Status> {
        let metadata = &mut object["metadata"];
        if metadata["uid"].is_null() {
            metadata["uid"] = self.env.uuid().into();
        }
        if metadata["creationTimestamp"].is_null() {
            metadata["creationTimestamp"] = timestamp(self.env.now()).into();
        }
        let committed = self.put(kind, object, Expect::Absent).await?;
        Ok(parse(&committed.item))
    }

    /// Replaces an object as it is; a resourceVersion in it is a precondition. Finalizers are not looked at.
    pub async fn update(&self, kind: &'static Kind, object: Value) -> Result<Value, Status> {
        let expect = match object["metadata"]["resourceVersion"].as_str().unwrap_or_default() {
            "" => Expect::Exists,
            text => Expect::Revision(
                text.parse().map_err(|_| Status::bad_request(format!("invalid resourceVersion {text:?}")))?,
            ),
        };
        Ok(parse(&self.put(kind, object, expect).await?.item))
    }

    /// Removes an object at once, whatever its finalizers; `Ok(None)`: it was not there.
    pub async fn remove(&self, kind: &'static Kind, namespace: &str, name: &str) -> Result<Option<Value>, Status> {
        let key = key(kind, namespace, name).into();
        match self.commit(Write { key, expect: Expect::Exists, op: Op::Delete, ttl_seconds: None, lazy: false }).await {
            Ok(committed) => Ok(Some(parse(&committed.item))),
            Err(CommitError::Conflict { .. }) => Ok(None),
            Err(CommitError::Closed) => Err(closed()),
        }
    }

    /// Removes an object as it was seen, at its resourceVersion, whatever its finalizers; a conflict when it is another by now.
    pub async fn remove_seen(&self, kind: &'static Kind, seen: &Value) -> Result<Value, Status> {
        let meta = Meta::of(kind, seen);
        let version = seen["metadata"]["resourceVersion"].as_str().unwrap_or_default();
        let revision =
            version.parse().map_err(|_| Status::bad_request(format!("invalid resourceVersion {version:?}")))?;
        let key = key(kind, &meta.namespace, &meta.name).into();
        let write = Write { key, expect: Expect::Revision(revision), op: Op::Delete, ttl_seconds: None, lazy: false };
        match self.commit(write).await {
            Ok(committed) => Ok(parse(&committed.item)),
            Err(CommitError::Closed) => Err(closed()),
            Err(CommitError::Conflict { current: None }) => Err(Status::not_found(kind, &meta.name)),
            Err(CommitError::Conflict { current: Some(_) }) => Err(Status::modified(kind, &meta.name)),
        }
    }

    async fn put(&self, kind: &'static Kind, mut object: Value, expect: Expect) -> Result<Committed<Meta>, Status> {
        let meta = Arc::new(Meta::of(kind, &object));
        let (bytes, splice_at) = encode(&mut object)?;
        let (namespace, name) = (meta.namespace.clone(), meta.name.clone());
        let op = Op::Put { bytes, splice_at, meta };
        let write = Write {
            key: key(kind, &namespace, &name).into(),
            expect,
            op,
            ttl_seconds: kind.hooks.ttl_seconds,
            lazy: false,
        };
        self.commit(write).await.map_err(|error| match error {
            CommitError::Closed => closed(),
            CommitError::Conflict { .. } if expect == Expect::Absent => Status::already_exists(kind, &name),
            CommitError::Conflict { current: None } => Status::not_found(kind, &name),
            CommitError::Conflict { current: Some(_) } => Status::modified(kind, &name),
        })
    }

    /// Returns once every write that was begun before is decided.
    pub(crate) async fn settled(&self) {
        drop(self.store.commit(Vec::new()).await);
    }

    pub(crate) async fn commit(&self, write: Write<Meta>) -> Result<Committed<Meta>, CommitError<Meta>> {
        self.store.commit(vec![write]).await.pop().unwrap_or(Err(CommitError::Closed))
    }
}

/// The store no longer takes writes: the server is going down.
pub(crate) fn closed() -> Status {
    Status::unavailable("the server is shutting down").retry_after(1)
}

/// metav1.Time: RFC 3339, UTC, whole seconds.
pub fn timestamp(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

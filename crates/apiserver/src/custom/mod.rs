//! Custom resources on their way between store and client: read in the version that is asked for, as their definition says today; written in the
//! version that is stored. What definitions themselves need on top of the generic path is in `definitions` and `cleanup`.

mod cleanup;
mod definitions;
mod scales;
mod webhook;

use std::sync::Arc;

use api::custom::{Conversion, Definition, Version};
use api::kind::Kind;
use bytes::Bytes;
use serde_json::Value;
use store::Item;

use crate::meta::Meta;
use crate::objects::{self, Object};
use crate::server::Inner;
use crate::status::Status;

pub(crate) use cleanup::Cleanup;
pub use definitions::DefinitionWrites;
pub(crate) use scales::scale_errors;

/// Reads and writes the objects of one kind at one version. For built-in kinds it changes nothing: their rows convert by themselves.
#[derive(Clone)]
pub(crate) struct Reader {
    pub kind: &'static Kind,
    pub definition: Option<Arc<Definition>>,
    pub server: Arc<Inner>,
}

impl Reader {
    /// The schema generation of what is written now.
    pub fn generation(&self) -> u64 {
        self.definition.as_ref().map_or(0, |definition| definition.generation)
    }

    /// Whether a webhook converts between the versions of this kind.
    pub fn asks_webhook(&self) -> bool {
        self.definition.as_ref().is_some_and(|definition| matches!(definition.conversion, Conversion::Webhook(_)))
    }

    /// Stored objects in this version, pruned and with the defaults of today.
    pub async fn read(&self, objects: Vec<Object>) -> Result<Vec<Object>, Status> {
        let Some(definition) = &self.definition else { return Ok(objects) };
        let stored = definition.storage().kind;
        let current =
            |object: &Object| object.meta.generation == definition.generation && std::ptr::eq(stored, self.kind);
        if objects.iter().all(&current) {
            return Ok(objects);
        }
        let mut values = Vec::with_capacity(objects.len());
        for object in &objects {
            let mut value = objects::parse(object);
            let version = definition.by_api_version(api_version(&value)).unwrap_or(definition.storage());
            version.schema.normalise(&mut value);
            version.schema.default(&mut value);
            values.push(value);
        }
        let values = self.converted(definition, values, self.own(definition)).await?;
        objects.iter().zip(values).map(|(object, value)| with_value(object, value)).collect()
    }

    /// One stored object, read.
    pub async fn read_one(&self, object: &Object) -> Result<Object, Status> {
        let read = self.read(vec![object.clone()]).await?;
        read.into_iter().next().ok_or_else(|| Status::internal("an object was lost while it was read"))
    }

    /// The versions of a custom kind; a built-in one has none here.
    pub fn versions(&self) -> &[Version] {
        self.definition.as_ref().map(|definition| definition.versions.as_slice()).unwrap_or_default()
    }

    /// An object of a custom kind in the version of `row`.
    pub async fn in_version(&self, row: &Kind, object: Value) -> Result<Value, Status> {
        let Some(definition) = &self.definition else { return Ok(object) };
        let mut values = self.converted(definition, vec![object], definition.version(row.version)).await?;
        values.pop().ok_or_else(|| Status::internal("an object was lost while it was converted"))
    }

    /// An object of this version as it is stored.
    pub async fn stored(&self, object: Value) -> Result<Value, Status> {
        let Some(definition) = &self.definition else { return Ok(object) };
        self.in_version(definition.storage().kind, object).await
    }

    fn own<'d>(&self, definition: &'d Definition) -> Option<&'d Version> {
        definition.version(self.kind.version)
    }

    /// Objects of any versions in one version.
    async fn converted(
        &self,
        definition: &Definition,
        mut values: Vec<Value>,
        target: Option<&Version>,
    ) -> Result<Vec<Value>, Status> {
        let Some(target) = target else { return Err(Status::no_such_path()) };
        let wanted = target.kind.api_version();
        let others: Vec<usize> = (0..values.len()).filter(|at| api_version(&values[*at]) != wanted).collect();
        if others.is_empty() {
            return Ok(values);
        }
        match &definition.conversion {
            Conversion::None => {
                others.iter().for_each(|at| values[*at]["apiVersion"] = wanted.as_str().into());
            }
            Conversion::Webhook(webhook) => {
                let given: Vec<Value> = others.iter().map(|at| values[*at].take()).collect();
                // In a box: hardly a request needs it, and all would carry it.
                let made = Box::pin(webhook::convert(&self.server, definition, webhook, &wanted, given)).await?;
                others.iter().zip(made).for_each(|(at, value)| values[*at] = value);
            }
        }
        for at in others {
            target.schema.normalise(&mut values[at]);
        }
        Ok(values)
    }
}

fn api_version(object: &Value) -> &str {
    object["apiVersion"].as_str().unwrap_or_default()
}

/// The same stored object with other content.
fn with_value(object: &Object, mut value: Value) -> Result<Object, Status> {
    // What is shown last of a deleted object has the revision of its deletion.
    let revision = value["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
    let (bytes, splice_at) = objects::encode(&mut value)?;
    let mut whole = Vec::with_capacity(bytes.len() + revision.len());
    whole.extend_from_slice(&bytes[..splice_at]);
    whole.extend_from_slice(revision.as_bytes());
    whole.extend_from_slice(&bytes[splice_at..]);
    Ok(with_bytes(object, whole.into(), splice_at))
}

/// The same stored object with other bytes.
pub(crate) fn with_bytes(item: &Item<Meta>, bytes: Bytes, splice_at: usize) -> Object {
    let Item { key, revision, created, expires, meta, .. } = item;
    let (key, meta) = (key.clone(), meta.clone());
    Arc::new(Item { key, revision: *revision, created: *created, bytes, splice_at, expires: *expires, meta })
}

//! The user: writes through the API as anyone does and keeps a book of what was acknowledged.

use std::sync::Arc;

use client::{DeleteOptions, ObjectKey, PatchKind, Propagation, ResourceType, Rest};
use parking_lot::Mutex;
use serde_json::Value;

use crate::cluster::Cluster;

/// An acknowledged write: this key had these contents at this revision.
#[derive(Clone, Debug)]
pub(crate) struct Acknowledged {
    pub(crate) plural: String,
    pub(crate) key: ObjectKey,
    pub(crate) revision: u64,
}

/// One user with cluster-admin rights.
#[derive(Clone)]
pub(crate) struct User {
    rest: Rest,
    book: Arc<Mutex<Vec<Acknowledged>>>,
}

impl User {
    pub(crate) fn new(cluster: &Cluster) -> Self {
        let client = cluster.client("ann", &["system:masters", "system:authenticated"]);
        Self { rest: Rest::new(client), book: Arc::default() }
    }

    pub(crate) fn rest(&self) -> &Rest {
        &self.rest
    }

    pub(crate) fn acknowledged(&self) -> Vec<Acknowledged> {
        self.book.lock().clone()
    }

    pub(crate) async fn create(&self, resource: &ResourceType, namespace: &str, object: &Value) {
        let answer = self.rest.create(resource, namespace, object).await;
        self.note(resource, answer);
    }

    pub(crate) async fn patch(&self, resource: &ResourceType, key: &ObjectKey, patch: &Value) {
        let answer = self.rest.patch(resource, key, None, (PatchKind::Strategic, patch)).await;
        self.note(resource, answer);
    }

    /// A deletion's answer is the object only while something holds it; a Status has no revision to hold anybody to.
    pub(crate) async fn delete(&self, resource: &ResourceType, key: &ObjectKey, propagation: Option<Propagation>) {
        let options = DeleteOptions { propagation, ..DeleteOptions::default() };
        let answer = self.rest.delete(resource, key, &options).await;
        let answer = answer.map(|object| if object["kind"] == "Status" { Value::Null } else { object });
        self.note(resource, answer);
    }

    fn note(&self, resource: &ResourceType, answer: client::Result<Value>) {
        // Refusals and lost answers are part of the story: nothing was promised.
        let Ok(object) = answer else { return };
        let meta = &object["metadata"];
        let text = |name: &str| meta[name].as_str().unwrap_or_default().to_owned();
        let Ok(revision) = text("resourceVersion").parse() else { return };
        let key = ObjectKey::new(text("namespace"), text("name"));
        self.book.lock().push(Acknowledged { plural: resource.plural.to_string(), key, revision });
    }
}

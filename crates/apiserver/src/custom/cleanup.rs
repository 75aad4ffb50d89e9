//! The end of a definition: its instances are deleted as clients would delete them, then its finalizer goes (apiextensions-apiserver
//! pkg/controller/finalizer). Woken by events of definitions and of the instances that are waited for.

use std::sync::Arc;

use api::apiextensions::v1::custom_resource_definition::CLEANUP;
use api::custom::{self, Definition, TERMINATING};
use api::kind::Kind;
use futures::FutureExt;
use serde_json::{Value, json};
use store::Cursor;
use tokio_util::sync::CancellationToken;

use crate::identity::Identity;
use crate::meta::Meta;
use crate::objects::{self, timestamp};
use crate::registry;
use crate::rows::row;
use crate::server::Inner;
use crate::status::Status;

const MASTER: &str = "system:apiserver";

pub(crate) struct Cleanup {
    server: Arc<Inner>,
    definitions: &'static Kind,
}

impl Cleanup {
    pub fn new(server: Arc<Inner>) -> Self {
        Self { server, definitions: row("apiextensions.k8s.io", "v1", "customresourcedefinitions") }
    }

    /// Runs until the server goes down.
    pub async fn run(self, shutdown: CancellationToken) {
        loop {
            let objects = &self.server.objects;
            let after = objects.revision();
            let mut waited: Vec<Cursor<Meta>> = Vec::new();
            let mut prefixes = vec![objects::prefix(self.definitions, "")];
            for definition in objects.list(self.definitions, "") {
                prefixes.extend(self.clean(definition).await);
            }
            waited.extend(prefixes.iter().filter_map(|prefix| objects.watch(prefix, after).ok()));
            if waited.len() < prefixes.len() {
                // The history is shorter than this turn was long: look again.
                continue;
            }
            let events = waited.iter_mut().map(|cursor| cursor.next().map(drop).boxed());
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = futures::future::select_all(events) => {}
            }
        }
    }

    /// One step for one definition; the prefix of the instances it has to wait for.
    async fn clean(&self, definition: Value) -> Option<String> {
        let finalizers = definition["metadata"]["finalizers"].as_array();
        let held = finalizers.is_some_and(|list| list.iter().any(|name| name == CLEANUP));
        if definition["metadata"]["deletionTimestamp"].is_null() || !held {
            return None;
        }
        let name = definition["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        match self.step(definition).await {
            Ok(waits) => waits,
            Err(status) => {
                tracing::warn!(name, status = status.message, "a definition's instances are not gone yet");
                None
            }
        }
    }

    async fn step(&self, mut definition: Value) -> Result<Option<String>, Status> {
        let read = Definition::read(&definition, Default::default());
        let Some(read) = read else {
            let why = ("False", "NeverEstablished", "resource was never established");
            return self.release(definition, why).await.map(|()| None);
        };
        if custom::condition(&definition, TERMINATING)
            .is_none_or(|known| known["reason"] != "InstanceDeletionInProgress")
        {
            let why = ("True", "InstanceDeletionInProgress", "CustomResource deletion is in progress");
            definition = self.tell(definition, why).await?;
        }
        let kind = read.storage().kind;
        registry::delete_all(&self.server, kind, &self.identity()).await?;
        if !self.server.objects.items(kind, "").is_empty() {
            return Ok(Some(objects::prefix(kind, "")));
        }
        self.release(definition, ("False", "InstanceDeletionCompleted", "removed all instances")).await.map(|()| None)
    }

    fn identity(&self) -> Identity {
        Identity::new(MASTER, &["system:masters", "system:authenticated"])
    }

    async fn tell(&self, mut definition: Value, why: (&str, &str, &str)) -> Result<Value, Status> {
        let now = timestamp(self.server.objects.env().now());
        custom::set_condition(&mut definition, TERMINATING, why, &now);
        self.server.objects.update(self.definitions, definition).await
    }

    /// Takes the finalizer away; the definition goes when it was the last.
    async fn release(&self, definition: Value, why: (&str, &str, &str)) -> Result<(), Status> {
        let definition = self.tell(definition, why).await?;
        let metadata = &definition["metadata"];
        let all = metadata["finalizers"].as_array().into_iter().flatten();
        let rest: Vec<&Value> = all.filter(|name| **name != CLEANUP).collect();
        let patch = json!({"metadata": {"finalizers": rest, "resourceVersion": metadata["resourceVersion"]}});
        let name = metadata["name"].as_str().unwrap_or_default();
        registry::merge(&self.server, self.definitions, name, &patch, &self.identity()).await
    }
}

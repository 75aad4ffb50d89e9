//! The service of CustomResourceDefinitions: accepted names and conditions are settled in the write itself, so a definition whose names are free
//! is served as soon as its creation is answered. Others of its group follow when names become free.

use api::custom;
use api::kind::Kind;
use async_trait::async_trait;
use serde_json::Value;

use crate::objects::{Objects, timestamp};
use crate::rows::row;
use crate::service::{Change, Held, Service};
use crate::status::Status;

pub struct DefinitionWrites {
    objects: Objects,
    definitions: &'static Kind,
}

impl DefinitionWrites {
    pub fn new(objects: Objects) -> Self {
        Self { objects, definitions: row("apiextensions.k8s.io", "v1", "customresourcedefinitions") }
    }

    /// Brings the status of a definition up to its spec; `true`: it was not.
    fn settle(&self, definition: &mut Value) -> bool {
        let before = definition.clone();
        let all = self.objects.list(self.definitions, "");
        let text = |path: [&str; 2]| definition[path[0]][path[1]].as_str().unwrap_or_default().to_owned();
        let (group, name) = (text(["spec", "group"]), text(["metadata", "name"]));
        let in_use = custom::names_in_use(all.iter(), &group, &name);
        custom::conditions(definition, &in_use, &timestamp(self.objects.env().now()));
        *definition != before
    }

    /// Names of the group may have become free, or two definitions took the same at once.
    async fn settle_others(&self, group: &str, name: &str) {
        for mut other in self.objects.list(self.definitions, "") {
            let differs = other["spec"]["group"] == *group && other["metadata"]["name"] != *name;
            if differs && !custom::is_condition(&other, "NamesAccepted", "True") && self.settle(&mut other) {
                let name = other["metadata"]["name"].as_str().unwrap_or_default().to_owned();
                if let Err(status) = self.objects.update(self.definitions, other).await {
                    // Whoever changed it meanwhile has settled it.
                    tracing::debug!(name, status = status.message, "a definition's names wait");
                }
            }
        }
    }
}

#[async_trait]
impl Service for DefinitionWrites {
    async fn before_write(&self, change: &mut Change<'_>) -> Result<Held, Status> {
        if change.old.is_none()
            && let Some(object) = change.object.as_object_mut()
        {
            object.remove("status");
        }
        self.settle(change.object);
        Ok(Held::default())
    }

    async fn after_write(&self, change: &Change<'_>) {
        let text = |at: &Value| at.as_str().unwrap_or_default().to_owned();
        let (group, name) = (text(&change.object["spec"]["group"]), text(&change.object["metadata"]["name"]));
        self.settle_others(&group, &name).await;
    }

    async fn after_delete(&self, _: &'static Kind, object: &Value) {
        let text = |at: &Value| at.as_str().unwrap_or_default().to_owned();
        self.settle_others(&text(&object["spec"]["group"]), &text(&object["metadata"]["name"])).await;
    }
}

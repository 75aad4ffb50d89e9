//! One resource of the API, in one namespace or over all: the eight verbs. Names may have a subresource behind a slash.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::api::{Api, JSON_PATCH, MERGE, STRATEGIC, escaped};
use super::kinds;
use super::wait::until;
use super::watch::Watch;

/// Where objects of a kind are.
#[derive(Clone)]
pub struct Collection {
    pub api: Api,
    pub path: String,
    pub group_version: String,
    pub kind: String,
}

impl Collection {
    pub fn new(api: &Api, group_version: &str, namespace: Option<&str>, plural: &str) -> Self {
        let root = kinds::root(group_version);
        let path = match namespace {
            Some(namespace) => format!("{root}/namespaces/{namespace}/{plural}"),
            None => format!("{root}/{plural}"),
        };
        let kind = kinds::kind_of(plural).to_owned();
        Self { api: api.clone(), path, group_version: group_version.to_owned(), kind }
    }

    /// For a kind that is not built in.
    pub fn of_kind(mut self, kind: &str) -> Self {
        self.kind = kind.to_owned();
        self
    }

    /// The same, asked by somebody else.
    pub fn asked_by(mut self, api: &Api) -> Self {
        self.api = api.clone();
        self
    }

    fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.path)
    }

    fn typed(&self, mut body: Value) -> Value {
        if body["kind"].is_null() {
            body["kind"] = json!(self.kind);
            body["apiVersion"] = json!(self.group_version);
        }
        body
    }

    pub async fn create(&self, body: Value) -> Result<Value> {
        self.create_with(body, "").await
    }

    /// As [`Collection::create`] with a query.
    pub async fn create_with(&self, body: Value, query: &str) -> Result<Value> {
        let path = format!("{}{}", self.path, question(query));
        self.api.ask("POST", &path).json(&self.typed(body)).done().await?.json()
    }

    /// POST to a subresource, with a body that names its own kind.
    pub async fn post(&self, name: &str, body: Value) -> Result<Value> {
        self.api.ask("POST", &self.at(name)).json(&body).done().await?.json()
    }

    pub async fn get(&self, name: &str) -> Result<Value> {
        self.api.get(&self.at(name)).await
    }

    pub async fn list(&self, query: &str) -> Result<Value> {
        self.api.get(&format!("{}{}", self.path, question(query))).await
    }

    /// The items of a list by label.
    pub async fn labelled(&self, selector: &str) -> Result<Vec<Value>> {
        Ok(items(&self.list(&by_label(selector)).await?))
    }

    /// PUT; `name` may have a subresource.
    pub async fn update(&self, name: &str, body: &Value) -> Result<Value> {
        self.api.ask("PUT", &self.at(name)).json(&self.typed(body.clone())).done().await?.json()
    }

    /// GET, a change, PUT; again when somebody else was faster.
    pub async fn edit(&self, name: &str, change: impl Fn(&mut Value)) -> Result<Value> {
        until(20, "an update without a conflict", async || {
            let mut object = self.get(name).await?;
            change(&mut object);
            self.update(name, &object).await
        })
        .await
    }

    pub async fn patch(&self, name: &str, media_type: &str, patch: &Value) -> Result<Value> {
        self.api.ask("PATCH", &self.at(name)).body(media_type, patch.to_string()).done().await?.json()
    }

    pub async fn merge(&self, name: &str, patch: Value) -> Result<Value> {
        self.patch(name, MERGE, &patch).await
    }

    pub async fn strategic(&self, name: &str, patch: Value) -> Result<Value> {
        self.patch(name, STRATEGIC, &patch).await
    }

    pub async fn json_patch(&self, name: &str, patch: Value) -> Result<Value> {
        self.patch(name, JSON_PATCH, &patch).await
    }

    pub async fn delete(&self, name: &str) -> Result<Value> {
        self.api.ask("DELETE", &self.at(name)).done().await?.json()
    }

    /// With `metav1.DeleteOptions`.
    pub async fn delete_with(&self, name: &str, mut options: Value) -> Result<Value> {
        options["kind"] = json!("DeleteOptions");
        options["apiVersion"] = json!("v1");
        self.api.ask("DELETE", &self.at(name)).json(&options).done().await?.json()
    }

    pub async fn delete_collection(&self, selector: &str) -> Result<()> {
        self.api.ask("DELETE", &format!("{}?{}", self.path, by_label(selector))).done().await.map(drop)
    }

    pub async fn watch(&self, query: &str) -> Result<Watch> {
        let path = format!("{}?watch=true{}{query}", self.path, if query.is_empty() { "" } else { "&" });
        Watch::open(&self.api, &path).await
    }

    /// Waits until the object is NotFound.
    pub async fn gone(&self, seconds: u64, name: &str) -> Result<()> {
        until(seconds, &format!("{}/{name} to be gone", self.kind), async || match self.get(name).await {
            Err(error) if super::api::is_code(&error, 404) => Ok(()),
            Err(error) => Err(error),
            Ok(object) => Err(anyhow::anyhow!("it is there, with {}", object["metadata"])),
        })
        .await
    }

    /// Waits until no object has the labels.
    pub async fn none_left(&self, seconds: u64, selector: &str) -> Result<()> {
        until(seconds, &format!("no {} with {selector:?}", self.kind), async || {
            let names = names(&self.labelled(selector).await?);
            ensure!(names.is_empty(), "there are {names:?}");
            Ok(())
        })
        .await
    }

    /// Waits until the object is as `ready` wants it.
    pub async fn when(&self, seconds: u64, name: &str, ready: impl Fn(&Value) -> Result<()>) -> Result<Value> {
        until(seconds, &format!("{}/{name}", self.kind), async || {
            let object = self.get(name).await?;
            ready(&object)?;
            Ok(object)
        })
        .await
    }
}

fn question(query: &str) -> String {
    if query.is_empty() { String::new() } else { format!("?{query}") }
}

/// The query that selects by label.
pub fn by_label(selector: &str) -> String {
    format!("labelSelector={}", escaped(selector))
}

pub fn items(list: &Value) -> Vec<Value> {
    list["items"].as_array().cloned().unwrap_or_default()
}

pub fn name_of(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

/// Names, in order.
pub fn names(objects: &[Value]) -> Vec<String> {
    let mut names: Vec<String> = objects.iter().map(|object| name_of(object).to_owned()).collect();
    names.sort();
    names
}

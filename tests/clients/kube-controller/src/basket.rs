//! The controller: a ConfigMap for every Basket, with what is in it.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams};
use kube::runtime::controller::{Action, Controller};
use kube::runtime::finalizer::{self, Event, finalizer};
use kube::runtime::watcher;
use kube::{Api, Client, CustomResource, Resource, ResourceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

pub const MANAGER: &str = "baskets.kube.example.com";
pub const FINALIZER: &str = "kube.example.com/emptied";
/// What is written when a Basket has gone, as its name is.
pub const EMPTIED: &str = "emptied";

#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[kube(group = "kube.example.com", version = "v1", kind = "Basket", namespaced, status = "BasketStatus")]
#[kube(printcolumn = r#"{"name": "Items", "type": "integer", "jsonPath": ".status.items"}"#)]
pub struct BasketSpec {
    #[schemars(length(min = 1))]
    pub items: Vec<String>,
    pub note: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BasketStatus {
    pub items: usize,
    pub observed_generation: i64,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("finalize the basket: {0}")]
    Finalizer(#[source] Box<finalizer::Error<kube::Error>>),
}

/// Runs until the process ends.
pub async fn run(client: Client) {
    let baskets: Api<Basket> = Api::default_namespaced(client.clone());
    let children: Api<ConfigMap> = Api::default_namespaced(client.clone());
    Controller::new(baskets, watcher::Config::default())
        .owns(children, watcher::Config::default())
        .run(reconcile, |_, _, _| Action::requeue(Duration::from_secs(1)), Arc::new(client))
        .for_each(|result| async move { println!("reconciled: {:?}", result.map(|(basket, _)| basket.name)) })
        .await;
}

async fn reconcile(basket: Arc<Basket>, client: Arc<Client>) -> Result<Action, Error> {
    let baskets: Api<Basket> = Api::default_namespaced((*client).clone());
    let held = finalizer(&baskets, FINALIZER, basket, |event| async {
        match event {
            Event::Apply(basket) => keep(&baskets, &client, &basket).await,
            Event::Cleanup(basket) => empty(&client, &basket).await,
        }
    });
    held.await.map_err(|error| Error::Finalizer(Box::new(error)))
}

async fn keep(baskets: &Api<Basket>, client: &Client, basket: &Basket) -> Result<Action, kube::Error> {
    let child = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": basket.name_any(), "ownerReferences": [basket.controller_owner_ref(&())]},
        "data": {"items": basket.spec.items.join(" ")},
    });
    write(client, &basket.name_any(), &child).await?;
    let status = json!({
        "apiVersion": "kube.example.com/v1", "kind": "Basket",
        "status": {"items": basket.spec.items.len(), "observedGeneration": basket.metadata.generation},
    });
    let parameters = PatchParams::apply(MANAGER).force();
    baskets.patch_status(&basket.name_any(), &parameters, &Patch::Apply(status)).await?;
    Ok(Action::await_change())
}

async fn empty(client: &Client, basket: &Basket) -> Result<Action, kube::Error> {
    let note = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": EMPTIED}, "data": {basket.name_any(): basket.spec.items.join(" ")},
    });
    write(client, EMPTIED, &note).await?;
    Ok(Action::await_change())
}

async fn write(client: &Client, name: &str, map: &serde_json::Value) -> Result<ConfigMap, kube::Error> {
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    maps.patch(name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(map)).await
}

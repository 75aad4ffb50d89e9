//! Runs the controller of Baskets and checks beside it what becomes of one: definition, finalizer, child by server-side apply, status,
//! deletion. It uses the namespace of the kubeconfig.

mod basket;

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use basket::{Basket, BasketSpec, EMPTIED, FINALIZER, MANAGER};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::runtime::wait::{Condition, await_condition, conditions};
use kube::{Api, Client, CustomResourceExt, ResourceExt};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(30);
const DEFINITION: &str = "baskets.kube.example.com";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let client = Client::try_default().await?;
    define(&client).await?;
    tokio::select! {
        () = basket::run(client.clone()) => bail!("the controller ended"),
        checked = check(&client) => checked?,
    }
    let definitions: Api<CustomResourceDefinition> = Api::all(client);
    definitions.delete(DEFINITION, &DeleteParams::default()).await?;
    println!("all is as it has to be");
    Ok(())
}

/// The definition by server-side apply, twice: the second changes nothing.
async fn define(client: &Client) -> Result<()> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let (manager, definition) = (PatchParams::apply(MANAGER), Patch::Apply(Basket::crd()));
    let apply = || definitions.patch(DEFINITION, &manager, &definition);
    let hook = await_condition(definitions.clone(), DEFINITION, conditions::is_crd_established());
    apply().await?;
    tokio::time::timeout(PATIENCE, hook).await.context("the definition is not established")??;
    let first = definitions.get(DEFINITION).await?;
    ensure!(apply().await?.resource_version() == first.resource_version(), "the same apply wrote again");
    Ok(())
}

async fn check(client: &Client) -> Result<()> {
    let baskets: Api<Basket> = Api::default_namespaced(client.clone());
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let spec = |items: &[&str]| BasketSpec { items: items.iter().map(|item| (*item).to_owned()).collect(), note: None };
    let refused = baskets.create(&PostParams::default(), &Basket::new("none", spec(&[]))).await;
    let kube::Error::Api(status) = refused.err().context("an empty basket was taken")? else { bail!("no Status") };
    ensure!((status.code, status.reason.as_str()) == (422, "Invalid"), "an empty basket gave {status:?}");

    baskets.create(&PostParams::default(), &Basket::new("fruit", spec(&["apple", "pear"]))).await?;
    let done = wait(&baskets, "fruit", |basket: Option<&Basket>| items_of(basket) == Some(2)).await?;
    ensure!(done.context("it is gone")?.finalizers() == [FINALIZER], "the finalizer is not there");
    let child = maps.get("fruit").await?;
    ensure!(data(&child, "items") == Some("apple pear"), "the child is {child:?}");
    ensure!(owners(&child.metadata) == ["Basket fruit true"], "its owners are {:?}", owners(&child.metadata));
    let managers: Vec<_> = child.managed_fields().iter().map(|f| (f.manager.as_deref(), f.operation.as_deref())).collect();
    ensure!(managers == [(Some(MANAGER), Some("Apply"))], "its managers are {managers:?}");

    // What another takes is told as a conflict, and taken back when the child changes.
    let other = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"items": "stone"}});
    let taken = maps.patch("fruit", &PatchParams::apply("other"), &Patch::Apply(&other)).await;
    let says = taken.err().context("no conflict")?.to_string();
    ensure!(says.contains(&format!("conflict with \"{MANAGER}\": .data.items")), "the conflict says {says}");
    maps.patch("fruit", &PatchParams::apply("other").force(), &Patch::Apply(&other)).await?;
    wait(&maps, "fruit", |map: Option<&ConfigMap>| map.and_then(|map| data(map, "items")) == Some("apple pear")).await?;

    let change = json!({"spec": {"items": ["plum"]}});
    let changed = baskets.patch("fruit", &PatchParams::default(), &Patch::Merge(&change)).await?;
    ensure!(changed.metadata.generation == Some(2), "the generation is {:?}", changed.metadata.generation);
    wait(&baskets, "fruit", |basket: Option<&Basket>| {
        basket.and_then(|basket| basket.status.as_ref()).is_some_and(|s| (s.items, s.observed_generation) == (1, 2))
    })
    .await?;

    // Its end waits for the finalizer, and the child goes with it.
    let deleted = baskets.delete("fruit", &DeleteParams::foreground()).await?;
    ensure!(deleted.left().is_some_and(|basket| basket.metadata.deletion_timestamp.is_some()), "it is gone at once");
    wait(&baskets, "fruit", |basket: Option<&Basket>| basket.is_none()).await?;
    wait(&maps, "fruit", |map: Option<&ConfigMap>| map.is_none()).await?;
    let note = maps.get(EMPTIED).await?;
    ensure!(data(&note, "fruit") == Some("plum"), "the note is {note:?}");
    Ok(())
}

async fn wait<K>(api: &Api<K>, name: &str, condition: impl Condition<K>) -> Result<Option<K>>
where
    K: kube::Resource + Clone + std::fmt::Debug + Send + serde::de::DeserializeOwned + 'static,
{
    let waited = tokio::time::timeout(PATIENCE, await_condition(api.clone(), name, condition)).await;
    match waited {
        Ok(found) => Ok(found?),
        Err(_) => bail!("waited {} s, and it is {:?}", PATIENCE.as_secs(), api.get_opt(name).await?),
    }
}

fn items_of(basket: Option<&Basket>) -> Option<usize> {
    Some(basket?.status.as_ref()?.items)
}

fn data<'a>(map: &'a ConfigMap, key: &str) -> Option<&'a str> {
    Some(map.data.as_ref()?.get(key)?.as_str())
}

fn owners(metadata: &ObjectMeta) -> Vec<String> {
    let owners = metadata.owner_references.iter().flatten();
    owners.map(|owner| format!("{} {} {}", owner.kind, owner.name, owner.controller.unwrap_or(false))).collect()
}

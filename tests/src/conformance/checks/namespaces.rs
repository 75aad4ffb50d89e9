//! Namespaces: labels, status, and what their deletion takes with it and in which order.

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::super::collection::{Collection, items, names};
use super::super::ctx::Ctx;
use super::super::expect::{conditions, has, is};
use super::super::lifecycle;
use super::super::pods;
use super::super::wait::{holds, until};
use super::checks;

checks! {
    "ns-update" => update;
    "ns-status" => status;
    "ns-del-pods" => deletion_of_pods;
    "ns-del-services" => deletion_of_services;
    "ns-ordered-delete" => pods_go_first;
}

async fn update(ctx: &Ctx) -> Result<()> {
    let ns = ctx.another_namespace("label", json!({})).await?;
    let namespaces = ctx.everywhere("v1", "namespaces");
    namespaces.edit(&ns, |it| it["metadata"]["labels"]["conformance"] = json!("updated")).await?;
    is(&namespaces.get(&ns).await?, "/metadata/labels/conformance", "updated")
}

async fn status(ctx: &Ctx) -> Result<()> {
    let namespaces = ctx.everywhere("v1", "namespaces");
    is(&namespaces.get(&format!("{}/status", ctx.ns)).await?, "/status/phase", "Active")?;
    let condition = |reason: &str| json!([{"type": "StatusPatch", "status": "True", "reason": reason, "message": "set by a check"}]);
    let annotated = json!({"annotations": {"patchedstatus": "true"}});
    let patched = json!({"metadata": annotated, "status": {"conditions": condition("Patched")}});
    let updated = json!({"status": {"conditions": condition("Updated")}});
    lifecycle::status(&namespaces, &ctx.ns, [patched, updated]).await
}

/// Deletes a namespace and makes it again once it is gone.
async fn again(ctx: &Ctx, ns: &str) -> Result<()> {
    let namespaces = ctx.everywhere("v1", "namespaces");
    namespaces.delete(ns).await?;
    namespaces.gone(120, ns).await?;
    namespaces.create(json!({"metadata": {"name": ns}})).await.map(drop)
}

async fn deletion_of_pods(ctx: &Ctx) -> Result<()> {
    let ns = ctx.another_namespace("gone", json!({})).await?;
    let inside = ctx.inside(&ns, "v1", "pods");
    inside.create(pods::idle(ctx, "pod")).await?;
    inside.when(pods::POD_SECONDS, "pod", |pod| is(pod, "/status/phase", "Running")).await?;
    again(ctx, &ns).await?;
    let left = names(&items(&inside.list("").await?));
    ensure!(left.is_empty(), "the new namespace has Pods {left:?}");
    Ok(())
}

async fn deletion_of_services(ctx: &Ctx) -> Result<()> {
    let ns = ctx.another_namespace("gone", json!({})).await?;
    let inside = ctx.inside(&ns, "v1", "services");
    inside.create(json!({"metadata": {"name": "service"}, "spec": {"ports": [{"port": 80}]}})).await?;
    again(ctx, &ns).await?;
    let left = names(&items(&inside.list("").await?));
    ensure!(left.is_empty(), "the new namespace has Services {left:?}");
    Ok(())
}

async fn pods_go_first(ctx: &Ctx) -> Result<()> {
    const FINALIZER: &str = "conformance.example.com/hold";
    let ns = ctx.another_namespace("order", json!({})).await?;
    let namespaces = ctx.everywhere("v1", "namespaces");
    let (inside, maps) = (ctx.inside(&ns, "v1", "pods"), ctx.inside(&ns, "v1", "configmaps"));
    let mut pod = pods::idle(ctx, "held");
    pod["metadata"]["finalizers"] = json!([FINALIZER]);
    inside.create(pod).await?;
    maps.create(json!({"metadata": {"name": "map"}})).await?;
    inside.when(pods::POD_SECONDS, "held", |pod| is(pod, "/status/phase", "Running")).await?;
    namespaces.delete(&ns).await?;
    let told = until(60, "the namespace to tell what remains", async || {
        let found = namespaces.get(&ns).await?;
        is(&found, "/status/phase", "Terminating")?;
        let told = conditions(&found).any(|it| it["type"] == "NamespaceContentRemaining" && it["status"] == "True");
        ensure!(told, "its conditions are {}", found["status"]["conditions"]);
        Ok(())
    });
    let held = match told.await {
        Ok(()) => stays(&inside, &maps).await,
        Err(error) => Err(error),
    };
    // Whatever was seen, nothing may be held any longer.
    inside.merge("held", json!({"metadata": {"finalizers": null}})).await.context("let the Pod go")?;
    held?;
    namespaces.gone(120, &ns).await?;
    has(&namespaces.get(&ctx.ns).await?, &json!({"status": {"phase": "Active"}}))
}

/// The ConfigMap is there as long as the Pod is.
async fn stays(pods: &Collection, maps: &Collection) -> Result<()> {
    holds(10, "the ConfigMap to stay while a Pod is there", async || {
        maps.get("map").await?;
        let pod = pods.get("held").await?;
        ensure!(pod["metadata"]["deletionTimestamp"].is_string(), "the Pod is not being deleted");
        Ok(())
    })
    .await
}

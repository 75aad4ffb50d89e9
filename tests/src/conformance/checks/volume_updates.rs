//! Files of running Pods follow their ConfigMaps and Secrets.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::super::ctx::Ctx;
use super::super::pods;
use super::checks;
use super::volumes::{CONFIG_MAP, PROJECTED_CONFIG_MAP, PROJECTED_SECRET, SECRET, Source};

checks! {
    "cmv-update" => update, CONFIG_MAP;
    "pcm-update" => update, PROJECTED_CONFIG_MAP;
    "cmv-optional" => optional, CONFIG_MAP;
    "pcm-optional" => optional, PROJECTED_CONFIG_MAP;
    "secv-optional" => optional, SECRET;
    "psec-optional" => optional, PROJECTED_SECRET;
}

fn objects(ctx: &Ctx, source: Source) -> super::super::collection::Collection {
    ctx.here("v1", if source.kind == "secret" { "secrets" } else { "configmaps" })
}

/// A change of the object's texts.
fn change(source: Source, data: Value) -> Value {
    json!({if source.kind == "secret" { "stringData" } else { "data" }: data})
}

async fn update(ctx: &Ctx, source: Source) -> Result<()> {
    source.create(ctx, &ctx.ns, "source", json!({"data-1": "value-1"})).await?;
    let pod =
        pods::with_volume(pods::idle(ctx, "pod"), "source", "/etc/source", source.volume("source", json!({}), None));
    pods::started(ctx, pod).await?;
    pods::exec_has(ctx, "pod", "cat /etc/source/data-1", "value-1").await.context("at first")?;
    objects(ctx, source).merge("source", change(source, json!({"data-1": "value-2"}))).await?;
    pods::exec_has(ctx, "pod", "cat /etc/source/data-1", "value-2").await.context("after an update").map(drop)
}

/// One that will be deleted, one that will be changed, one that will be made.
async fn optional(ctx: &Ctx, source: Source) -> Result<()> {
    let mut pod = pods::idle(ctx, "pod");
    for name in ["deleted", "updated", "created"] {
        let volume = source.volume(name, json!({"optional": true}), None);
        pod = pods::with_volume(pod, name, &format!("/etc/{name}"), volume);
    }
    for name in ["deleted", "updated"] {
        source.create(ctx, &ctx.ns, name, json!({"data-1": "value-1"})).await?;
    }
    pods::started(ctx, pod).await?;
    pods::exec_has(ctx, "pod", "cat /etc/deleted/data-1 /etc/updated/data-1", "value-1").await.context("at first")?;
    pods::exec_has(ctx, "pod", "ls /etc/created | wc -l", "0").await.context("what is not there")?;
    objects(ctx, source).delete("deleted").await?;
    objects(ctx, source).merge("updated", change(source, json!({"data-3": "value-3"}))).await?;
    source.create(ctx, &ctx.ns, "created", json!({"data-1": "value-1"})).await?;
    pods::exec_has(ctx, "pod", "cat /etc/created/data-1", "value-1").await.context("created")?;
    pods::exec_has(ctx, "pod", "cat /etc/updated/data-3", "value-3").await.context("updated")?;
    let gone = "if test -e /etc/deleted/data-1; then echo there; else echo gone; fi";
    pods::exec_has(ctx, "pod", gone, "gone").await.context("deleted").map(drop)
}

//! Events of both groups: written, changed, found over all namespaces.

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::super::api::refused;
use super::super::collection::name_of;
use super::super::ctx::Ctx;
use super::super::expect::{has, is};
use super::checks;

checks! {
    "ev-new-crud" => new;
    "ev-core-lifecycle" => core;
}

async fn new(ctx: &Ctx) -> Result<()> {
    let events = ctx.here("events.k8s.io/v1", "events");
    let regarding = json!({"kind": "Pod", "apiVersion": "v1", "name": "none", "namespace": ctx.ns});
    let body = json!({
        "metadata": {"name": "event", "labels": {"conformance": ctx.tag}}, "type": "Normal", "reason": "Test", "action": "Do",
        "note": "at first", "reportingController": "conformance.example.com/check", "reportingInstance": "check-1",
        "eventTime": "2024-01-02T03:04:05.000006Z", "regarding": regarding,
    });
    has(&events.create(body.clone()).await?, &body)?;
    has(&events.get("event").await?, &body)?;
    let selector = format!("conformance={}", ctx.tag);
    for place in [events.clone(), ctx.everywhere("events.k8s.io/v1", "events")] {
        let found = place.labelled(&selector).await?;
        ensure!(found.len() == 1 && name_of(&found[0]) == "event", "the list of {} has {}", place.path, found.len());
    }
    is(&events.strategic("event", json!({"note": "patched"})).await?, "/note", "patched")?;
    let series = json!({"count": 100, "lastObservedTime": "2024-01-02T03:05:05.000006Z"});
    events.edit("event", |it| it["series"] = series.clone()).await.context("update")?;
    has(&events.get("event").await?, &json!({"note": "patched", "series": series}))?;
    events.delete("event").await?;
    refused(events.get("event").await, 404)?;
    ensure!(events.labelled(&selector).await?.is_empty(), "the list still has it");
    Ok(())
}

async fn core(ctx: &Ctx) -> Result<()> {
    let events = ctx.here("v1", "events");
    let labels = json!({"conformance": ctx.tag});
    let body = json!({
        "metadata": {"name": "event", "labels": labels}, "message": "at first", "reason": "Test", "type": "Normal", "count": 1,
        "involvedObject": {"namespace": ctx.ns, "kind": "Pod", "name": "none"},
    });
    has(&events.create(body.clone()).await?, &body)?;
    let selector = format!("conformance={}", ctx.tag);
    let found = ctx.everywhere("v1", "events").labelled(&selector).await?;
    ensure!(found.len() == 1 && name_of(&found[0]) == "event", "the list over all namespaces has {}", found.len());
    is(&events.strategic("event", json!({"message": "patched"})).await?, "/message", "patched")?;
    is(&events.get("event").await?, "/message", "patched")?;
    let series = json!({"count": 100, "lastObservedTime": "2024-01-02T03:05:05.000006Z"});
    events.edit("event", |it| it["series"] = series.clone()).await.context("update")?;
    has(&events.get("event").await?, &json!({"message": "patched", "series": series}))?;
    events.delete("event").await?;
    ensure!(ctx.everywhere("v1", "events").labelled(&selector).await?.is_empty(), "the list still has it");
    Ok(())
}

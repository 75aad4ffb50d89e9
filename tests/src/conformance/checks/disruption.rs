//! PodDisruptionBudgets: their status follows Pods, and keeps what is written to it.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::collection::Collection;
use super::super::ctx::Ctx;
use super::super::expect::{is, number};
use super::super::pods;
use super::checks;

checks! {
    "pdb-status-observe" => observed;
    "pdb-status-write" => written;
}

/// A budget for two Pods, of which one has to stay.
async fn budget(ctx: &Ctx) -> Result<Collection> {
    let all = ctx.here("policy/v1", "poddisruptionbudgets");
    let spec = json!({"minAvailable": 1, "selector": {"matchLabels": {"app": "budget"}}});
    all.create(json!({"metadata": {"name": "budget"}, "spec": spec})).await?;
    Ok(all)
}

async fn pod(ctx: &Ctx, name: &str) -> Result<()> {
    let mut pod = pods::idle(ctx, name);
    pod["metadata"]["labels"] = json!({"app": "budget"});
    pods::started(ctx, pod).await.map(drop)
}

async fn observed(ctx: &Ctx) -> Result<()> {
    let all = budget(ctx).await?;
    let follows = async |healthy: i64, allowed: i64| {
        all.when(60, "budget", |it| {
            is(it, "/status/observedGeneration", it["metadata"]["generation"].clone())?;
            for (field, wanted) in [("currentHealthy", healthy), ("disruptionsAllowed", allowed)] {
                let found = number(it, &format!("/status/{field}"));
                ensure!(found == wanted, "{field} is {found}, expected {wanted}");
            }
            Ok(())
        })
        .await
        .with_context(|| format!("{healthy} Pods"))
    };
    follows(0, 0).await?;
    pod(ctx, "one").await?;
    follows(1, 0).await?;
    pod(ctx, "two").await?;
    follows(2, 1).await?;
    ctx.pods().delete("one").await?;
    follows(1, 0).await.map(drop)
}

async fn written(ctx: &Ctx) -> Result<()> {
    let all = budget(ctx).await?;
    pod(ctx, "one").await?;
    let found = all.when(60, "budget", |it| is(it, "/status/currentHealthy", 1)).await?;
    // The controller forgets disruptions that are two minutes old: the object's own time is a fresh one.
    let now = ctx.pods().get("one").await?["status"]["startTime"].clone();
    let updated = all.edit("budget/status", |it| it["status"]["disruptedPods"] = json!({"one": now})).await?;
    is(&updated, "/status/disruptedPods", json!({"one": now})).context("update")?;
    let patched: Value = all.merge("budget/status", json!({"status": {"disruptedPods": {"two": now}}})).await?;
    is(&patched, "/status/disruptedPods/two", now).context("patch")?;
    is(&patched, "/spec", found["spec"].clone())
}

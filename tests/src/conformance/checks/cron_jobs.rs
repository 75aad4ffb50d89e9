//! CronJobs: suspended, concurrent, replacing. They wait for full minutes.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::collection::items;
use super::super::ctx::Ctx;
use super::super::expect::is;
use super::super::pods;
use super::super::wait::{holds, until};
use super::checks;

checks! {
    "cronjob-suspend" => suspended;
    "cronjob-replace" => replaces;
    "cronjob-allow" => allows;
}

/// Every minute, a Job that does not end.
async fn create(ctx: &Ctx, policy: &str, suspend: bool) -> Result<Value> {
    let mut pod = pods::template(ctx, &json!({"app": "cron"}));
    pod["spec"]["restartPolicy"] = json!("OnFailure");
    let job = json!({"spec": {"template": pod}});
    let spec = json!({"schedule": "*/1 * * * *", "concurrencyPolicy": policy, "suspend": suspend, "jobTemplate": job});
    ctx.here("batch/v1", "cronjobs").create(json!({"metadata": {"name": "cron"}, "spec": spec})).await
}

async fn jobs(ctx: &Ctx) -> Result<Vec<Value>> {
    Ok(items(&ctx.here("batch/v1", "jobs").list("").await?))
}

async fn active(ctx: &Ctx, count: usize, seconds: u64) -> Result<Vec<Value>> {
    until(seconds, &format!("{count} active Jobs"), async || {
        let found = ctx.here("batch/v1", "cronjobs").get("cron").await?;
        let active = found["status"]["active"].as_array().cloned().unwrap_or_default();
        ensure!(active.len() >= count, "there are {}", active.len());
        Ok(active)
    })
    .await
}

async fn suspended(ctx: &Ctx) -> Result<()> {
    create(ctx, "Allow", true).await?;
    holds(180, "no Job of a suspended CronJob", async || {
        let found = jobs(ctx).await?.len();
        ensure!(found == 0, "there are {found} Jobs");
        Ok(())
    })
    .await?;
    ctx.here("batch/v1", "cronjobs").delete("cron").await.map(drop)
}

async fn allows(ctx: &Ctx) -> Result<()> {
    create(ctx, "Allow", false).await?;
    active(ctx, 2, 200).await?;
    let running = jobs(ctx).await?.iter().filter(|job| job["status"]["active"] == 1).count();
    ensure!(running >= 2, "{running} Jobs have an active Pod");
    ctx.here("batch/v1", "cronjobs").delete("cron").await.map(drop)
}

async fn replaces(ctx: &Ctx) -> Result<()> {
    create(ctx, "Replace", false).await?;
    let first = active(ctx, 1, 90).await?.remove(0);
    let old = first["name"].as_str().context("an active Job has a name")?.to_owned();
    until(120, "another Job in its place", async || {
        let found = jobs(ctx).await?;
        ensure!(found.len() == 1, "there are {} Jobs", found.len());
        ensure!(found[0]["metadata"]["name"] != old, "it is still {old}");
        is(&found[0], "/status/active", 1)
    })
    .await?;
    ctx.here("batch/v1", "cronjobs").delete("cron").await.map(drop)
}

//! Jobs that fail by rule: by exit code, by index, by too many failed indexes.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::ctx::Ctx;
use super::super::expect::{conditions, is, number};
use super::super::wait::until;
use super::checks;
use super::jobs::{GOES_ON, create, its_pods, told};

checks! {
    "job-pfp-exit" => fail_at_once;
    "job-failindex" => fail_index;
    "job-maxfailed" => too_many_failed;
}

/// A rule on exit code 3.
fn on_exit(action: &str) -> Value {
    let codes = json!({"containerName": "main", "operator": "In", "values": [3]});
    json!({"rules": [{"action": action, "onExitCodes": codes}]})
}

fn reason(job: &Value, kind: &str) -> Value {
    conditions(job).find(|it| it["type"] == kind).map_or(Value::Null, |it| it["reason"].clone())
}

async fn fail_at_once(ctx: &Ctx) -> Result<()> {
    create(ctx, "exit 3", json!({"backoffLimit": 6, "podFailurePolicy": on_exit("FailJob")})).await?;
    let failed = told(ctx, "Failed").await?;
    let why = reason(&failed, "Failed");
    ensure!(why == "PodFailurePolicy", "the reason is {why}");
    ensure!(
        number(&failed, "/status/failed") == 1,
        "{} Pods failed, there may be no retry",
        failed["status"]["failed"]
    );
    Ok(())
}

async fn fail_index(ctx: &Ctx) -> Result<()> {
    let text = "if test $JOB_COMPLETION_INDEX = 0; then exit 3; fi";
    let spec = json!({
        "completionMode": "Indexed", "parallelism": 2, "completions": 2, "backoffLimitPerIndex": 2,
        "podFailurePolicy": on_exit("FailIndex"),
    });
    create(ctx, text, spec).await?;
    let failed = told(ctx, "Failed").await?;
    is(&failed, "/status/failedIndexes", "0")?;
    is(&failed, "/status/completedIndexes", "1")?;
    is(&failed, "/status/failed", 1).context("an index that a rule fails is not tried again")
}

/// Index 0 fails, none may; index 1 would run for ever, the others never start.
async fn too_many_failed(ctx: &Ctx) -> Result<()> {
    let text = format!("if test $JOB_COMPLETION_INDEX = 0; then exit 1; fi; {GOES_ON}");
    let spec = json!({
        "completionMode": "Indexed", "parallelism": 2, "completions": 4, "backoffLimitPerIndex": 0, "maxFailedIndexes": 0,
    });
    create(ctx, &text, spec).await?;
    let failed = told(ctx, "Failed").await?;
    let why = reason(&failed, "Failed");
    ensure!(why == "MaxFailedIndexesExceeded", "the reason is {why}");
    let indexes = failed["status"]["failedIndexes"].as_str().unwrap_or_default();
    ensure!(indexes.starts_with('0') && !indexes.contains(['2', '3']), "the failed indexes are {indexes:?}");
    is(&failed, "/status/completedIndexes", Value::Null)?;
    until(60, "the other Pod to end", async || {
        let left = its_pods(ctx).await?;
        let running = left.iter().filter(|pod| pod["status"]["phase"] == "Running").count();
        ensure!(running == 0, "{running} still run");
        ensure!(left.len() <= 2, "{} Pods were made, two at a time were to be", left.len());
        Ok(())
    })
    .await
}

//! Indexed Jobs: every Pod has a number; success policies end a Job before all are done.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::ctx::Ctx;
use super::super::expect::{conditions, is};
use super::super::pods;
use super::super::wait::until;
use super::checks;
use super::jobs::{GOES_ON, create, its_pods, told};

checks! {
    "job-indexed" => indexes;
    "job-success-count" => success, json!({"succeededCount": 1});
    "job-success-index" => success, json!({"succeededIndexes": "0"});
}

async fn indexes(ctx: &Ctx) -> Result<()> {
    let text = "echo index=$JOB_COMPLETION_INDEX host=$(hostname)";
    create(ctx, text, json!({"completionMode": "Indexed", "parallelism": 2, "completions": 4})).await?;
    is(&told(ctx, "Complete").await?, "/status/completedIndexes", "0-3")?;
    let mut seen = BTreeSet::new();
    for pod in its_pods(ctx).await? {
        let key = "batch.kubernetes.io/job-completion-index";
        let index = pod["metadata"]["annotations"][key].as_str().context("the index annotation")?.to_owned();
        is(&pod["metadata"]["labels"], "/batch.kubernetes.io~1job-completion-index", index.clone())?;
        is(&pod, "/spec/hostname", format!("job-{index}"))?;
        let log = pods::logs(ctx, super::super::collection::name_of(&pod), "main").await?;
        ensure!(log.trim() == format!("index={index} host=job-{index}"), "index {index} printed {log:?}");
        seen.insert(index);
    }
    ensure!(seen.len() == 4, "the indexes are {seen:?}");
    Ok(())
}

/// Index 0 ends well, the others go on until the Job is done.
async fn success(ctx: &Ctx, rule: Value) -> Result<()> {
    let text = format!("if test $JOB_COMPLETION_INDEX = 0; then exit 0; fi; {}", GOES_ON);
    let policy = json!({"rules": [rule]});
    create(
        ctx,
        &text,
        json!({"completionMode": "Indexed", "parallelism": 3, "completions": 3, "successPolicy": policy}),
    )
    .await?;
    told(ctx, "SuccessCriteriaMet").await?;
    let done = told(ctx, "Complete").await?;
    let reason = conditions(&done).find(|it| it["type"] == "SuccessCriteriaMet").map(|it| it["reason"].clone());
    ensure!(reason == Some(json!("SuccessPolicy")), "the reason is {reason:?}");
    is(&done, "/status/completedIndexes", "0")?;
    until(60, "the other Pods to end", async || {
        let left = its_pods(ctx).await?;
        let running = left.iter().filter(|pod| pod["status"]["phase"] == "Running").count();
        ensure!(running == 0, "{running} still run");
        Ok(())
    })
    .await
}

//! Jobs: adoption, deletion, life, status, restarts in place.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::collection::{by_label, name_of};
use super::super::ctx::Ctx;
use super::super::expect::{condition, has, is, number};
use super::super::lifecycle;
use super::super::pods::{self, POD_SECONDS};
use super::super::wait::until;
use super::checks;

checks! {
    "job-adopt-release" => adopt_and_release;
    "job-status" => status;
    "job-delete" => delete;
    "job-lifecycle" => life;
    "job-restart-local" => restarts;
}

/// A Pod's script that goes on until it is told to end, and then has not succeeded.
pub const GOES_ON: &str = "trap 'exit 1' TERM; sleep 1000000 & wait";

/// A Job called `job` whose Pods run a script.
pub fn body(ctx: &Ctx, text: &str, spec: Value) -> Value {
    let labels = json!({"conformance": ctx.tag});
    let mut template = json!({"metadata": {"labels": labels}, "spec": pods::script(ctx, "", text)["spec"]});
    template["spec"]["restartPolicy"] = json!("Never");
    let mut job = json!({"metadata": {"name": "job", "labels": labels}, "spec": {"template": template}});
    lifecycle::merge_into(&mut job["spec"], &spec);
    job
}

pub async fn create(ctx: &Ctx, text: &str, spec: Value) -> Result<Value> {
    ctx.here("batch/v1", "jobs").create(body(ctx, text, spec)).await
}

/// Waits until the Job has a condition.
pub async fn told(ctx: &Ctx, kind: &str) -> Result<Value> {
    let jobs = ctx.here("batch/v1", "jobs");
    jobs.when(POD_SECONDS * 2, "job", |job| {
        ensure!(condition(job, kind) == "True", "its status is {}", job["status"]);
        Ok(())
    })
    .await
}

/// The Job's Pods that are not being deleted.
pub async fn its_pods(ctx: &Ctx) -> Result<Vec<Value>> {
    let mut pods = ctx.pods().labelled("job-name=job").await?;
    pods.retain(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    Ok(pods)
}

pub async fn active(ctx: &Ctx, count: i64) -> Result<Value> {
    let jobs = ctx.here("batch/v1", "jobs");
    jobs.when(POD_SECONDS, "job", |job| is(job, "/status/ready", count)).await
}

async fn adopt_and_release(ctx: &Ctx) -> Result<()> {
    let job = create(ctx, pods::IDLE, json!({"parallelism": 2, "completions": 2})).await?;
    active(ctx, 2).await?;
    let pod = name_of(&its_pods(ctx).await?[0]).to_owned();
    let owned = |wanted: Value| {
        move |pod: &Value| is(pod, "/metadata/ownerReferences/0/uid", wanted.clone()).context("its controller")
    };
    ctx.pods().merge(&pod, json!({"metadata": {"ownerReferences": null}})).await?;
    ctx.pods().when(60, &pod, owned(job["metadata"]["uid"].clone())).await.context("adopted again")?;
    let labels = json!({
        "job-name": null, "controller-uid": null, "batch.kubernetes.io/job-name": null, "batch.kubernetes.io/controller-uid": null,
    });
    ctx.pods().merge(&pod, json!({"metadata": {"labels": labels}})).await?;
    ctx.pods().when(60, &pod, owned(Value::Null)).await.context("released").map(drop)
}

async fn status(ctx: &Ctx) -> Result<()> {
    create(ctx, pods::IDLE, json!({"parallelism": 1, "completions": 1})).await?;
    active(ctx, 1).await?;
    let jobs = ctx.here("batch/v1", "jobs");
    let condition = |reason: &str| json!([{"type": "StatusUpdate", "status": "True", "reason": reason, "message": "set by a check", "lastTransitionTime": "2024-01-02T03:04:05Z"}]);
    let annotations = json!({"annotations": {"patchedstatus": "true"}});
    let patched = json!({"metadata": annotations, "status": {"conditions": condition("Patched")}});
    lifecycle::status(&jobs, "job", [patched, json!({"status": {"conditions": condition("Updated")}})]).await?;
    let found = jobs.get("job/status").await?;
    ensure!(found["status"]["startTime"].is_string(), "startTime is {}", found["status"]["startTime"]);
    is(&found, "/metadata/annotations/patchedstatus", "true")
}

async fn delete(ctx: &Ctx) -> Result<()> {
    create(ctx, pods::IDLE, json!({"parallelism": 2, "completions": 4})).await?;
    active(ctx, 2).await?;
    let running = its_pods(ctx).await?.len();
    ensure!(running == 2, "{running} Pods are active, the parallelism is 2");
    let jobs = ctx.here("batch/v1", "jobs");
    jobs.delete_with("job", json!({"propagationPolicy": "Background"})).await?;
    jobs.gone(60, "job").await?;
    ctx.pods().none_left(60, &format!("conformance={}", ctx.tag)).await.context("its Pods")
}

async fn life(ctx: &Ctx) -> Result<()> {
    let jobs = ctx.here("batch/v1", "jobs");
    let selector = format!("conformance={}", ctx.tag);
    let mut watch = jobs.watch(&by_label(&selector)).await?;
    create(ctx, "true", json!({"suspend": true, "parallelism": 1, "completions": 1})).await?;
    watch.see(20, "ADDED", |job| job["spec"]["suspend"] == true).await?;
    let patch = json!({"metadata": {"labels": {"patched": "yes"}}});
    has(&jobs.merge("job", patch.clone()).await?, &patch)?;
    watch.see(20, "MODIFIED", |job| job["metadata"]["labels"]["patched"] == "yes").await?;
    jobs.edit("job", |job| {
        job["spec"]["suspend"] = json!(false);
        job["metadata"]["annotations"] = json!({"updated": "yes"});
    })
    .await?;
    watch.see(20, "MODIFIED", |job| job["spec"]["suspend"] == false).await.context("unsuspended")?;
    told(ctx, "Complete").await?;
    watch.see(20, "MODIFIED", |job| number(job, "/status/succeeded") == 1).await.context("completed")?;
    let found = ctx.everywhere("batch/v1", "jobs").labelled(&selector).await?;
    ensure!(found.len() == 1, "the list over all namespaces has {}", found.len());
    jobs.delete_collection(&selector).await?;
    watch.see(60, "DELETED", |job| name_of(job) == "job").await.map(drop)
}

/// Containers fail once, are started again in their Pods, and the Job completes.
async fn restarts(ctx: &Ctx) -> Result<()> {
    let text = "if test -f /data/seen; then exit 0; fi; touch /data/seen; exit 1";
    let mut job = body(ctx, text, json!({"parallelism": 2, "completions": 4}));
    let mut pod =
        pods::with_volume(json!({"spec": job["spec"]["template"]["spec"]}), "data", "/data", json!({"emptyDir": {}}));
    pod["spec"]["restartPolicy"] = json!("OnFailure");
    job["spec"]["template"]["spec"] = pod["spec"].take();
    ctx.here("batch/v1", "jobs").create(job).await?;
    let done = told(ctx, "Complete").await?;
    is(&done, "/status/succeeded", 4)?;
    until(10, "every Pod to have one restart", async || {
        for pod in its_pods(ctx).await? {
            is(&pod, "/status/containerStatuses/0/restartCount", 1).with_context(|| name_of(&pod).to_owned())?;
        }
        Ok(())
    })
    .await
}

//! Init containers run one after the other, before the app, and decide whether it starts.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::ctx::Ctx;
use super::super::expect::{condition, is};
use super::super::pods::{self, POD_SECONDS};
use super::super::wait::holds;
use super::checks;

checks! {
    "init-always" => then_runs;
    "init-never" => then_ends;
    "init-fail-never" => fails_for_good;
    "init-fail-always" => fails_again;
}

/// Two init containers before `main`.
fn with_init(ctx: &Ctx, mut pod: Value, policy: &str, commands: [&str; 2]) -> Value {
    let init = |at: usize| json!({"name": format!("init{}", at + 1), "image": ctx.busybox(), "command": ["sh", "-c", commands[at]]});
    pod["spec"]["initContainers"] = json!([init(0), init(1)]);
    pod["spec"]["restartPolicy"] = json!(policy);
    pod
}

fn init(pod: &Value, at: usize) -> &Value {
    &pod["status"]["initContainerStatuses"][at]
}

/// Both have ended with 0, the second begun after the first had ended, without restarts.
fn ran_in_order(pod: &Value) -> Result<()> {
    ensure!(condition(pod, "Initialized") == "True", "Initialized is {:?}", condition(pod, "Initialized"));
    for at in 0..2 {
        is(init(pod, at), "/state/terminated/exitCode", 0).with_context(|| format!("init{}", at + 1))?;
        is(init(pod, at), "/restartCount", 0)?;
    }
    let time =
        |at: usize, field: &str| init(pod, at)["state"]["terminated"][field].as_str().unwrap_or_default().to_owned();
    let (ended, begun) = (time(0, "finishedAt"), time(1, "startedAt"));
    ensure!(!ended.is_empty() && ended <= begun, "init1 ended at {ended}, init2 began at {begun}");
    Ok(())
}

async fn then_runs(ctx: &Ctx) -> Result<()> {
    let pod = pods::started(ctx, with_init(ctx, pods::idle(ctx, "pod"), "Always", ["true", "true"])).await?;
    ran_in_order(&pod)?;
    is(&pod, "/status/phase", "Running")
}

async fn then_ends(ctx: &Ctx) -> Result<()> {
    ctx.pods().create(with_init(ctx, pods::script(ctx, "pod", "true"), "Never", ["true", "true"])).await?;
    let pod = pods::phase(ctx, "pod", "Succeeded").await?;
    ran_in_order(&pod)?;
    is(&pod, "/status/containerStatuses/0/state/terminated/exitCode", 0)?;
    is(&pod, "/status/containerStatuses/0/restartCount", 0)
}

async fn fails_for_good(ctx: &Ctx) -> Result<()> {
    ctx.pods().create(with_init(ctx, pods::idle(ctx, "pod"), "Never", ["true", "false"])).await?;
    let pod = pods::phase(ctx, "pod", "Failed").await?;
    is(init(&pod, 0), "/state/terminated/exitCode", 0)?;
    is(init(&pod, 1), "/state/terminated/exitCode", 1)?;
    ensure!(condition(&pod, "Initialized") == "False", "Initialized is {:?}", condition(&pod, "Initialized"));
    let app = &pod["status"]["containerStatuses"][0];
    ensure!(app["state"]["waiting"].is_object(), "the app has {}", app["state"]);
    is(app, "/started", false)
}

async fn fails_again(ctx: &Ctx) -> Result<()> {
    ctx.pods().create(with_init(ctx, pods::idle(ctx, "pod"), "Always", ["false", "true"])).await?;
    let again = |pod: &Value| {
        let restarts = init(pod, 0)["restartCount"].as_i64().unwrap_or(0);
        ensure!(restarts >= 3, "init1 was started again {restarts} times");
        Ok(())
    };
    let app_waits = |pod: &Value| {
        is(pod, "/status/phase", "Pending")?;
        is(pod, "/status/containerStatuses/0/state/waiting/reason", "PodInitializing")?;
        is(init(pod, 1), "/state/waiting/reason", "PodInitializing")
    };
    let pod = ctx.pods().when(POD_SECONDS * 2, "pod", again).await?;
    app_waits(&pod)?;
    holds(3, "the app to wait", async || app_waits(&ctx.pods().get("pod").await?)).await
}

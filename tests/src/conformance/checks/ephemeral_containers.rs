//! Ephemeral containers in a running Pod.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::ctx::Ctx;
use super::super::expect::contains;
use super::super::pods::{self, POD_SECONDS};
use super::checks;

checks! {
    "ephem-create" => create;
    "ephem-update" => update;
}

fn container(ctx: &Ctx, name: &str) -> Value {
    json!({"name": name, "image": ctx.busybox(), "command": ["sh", "-c", format!("echo polo; {}", pods::IDLE)], "stdin": true, "tty": true})
}

async fn runs(ctx: &Ctx, wanted: &[&str]) -> Result<()> {
    let running = |pod: &Value| {
        let all = pod["status"]["ephemeralContainerStatuses"].as_array().cloned().unwrap_or_default();
        let names: Vec<&str> =
            all.iter().filter(|it| it["state"]["running"].is_object()).flat_map(|it| it["name"].as_str()).collect();
        ensure!(names == wanted, "running are {names:?}, expected {wanted:?}: {all:?}");
        Ok(())
    };
    ctx.pods().when(POD_SECONDS, "pod", running).await.map(drop)
}

async fn create(ctx: &Ctx) -> Result<()> {
    pods::started(ctx, pods::idle(ctx, "pod")).await?;
    let patch = json!({"spec": {"ephemeralContainers": [container(ctx, "debugger")]}});
    ctx.pods().strategic("pod/ephemeralcontainers", patch).await?;
    runs(ctx, &["debugger"]).await?;
    contains(&pods::logs(ctx, "pod", "debugger").await?, "polo")?;
    // It shares the Pod's network: both see the same addresses.
    let look = "ip -o addr show dev eth0 | awk '{print $4}'";
    let of_both = (pods::exec(ctx, "pod", look).await?, pods::exec_in(ctx, "pod", "debugger", look).await?);
    ensure!(of_both.0 == of_both.1, "the containers have addresses {of_both:?}");
    Ok(())
}

async fn update(ctx: &Ctx) -> Result<()> {
    pods::started(ctx, pods::idle(ctx, "pod")).await?;
    let patch = json!({"spec": {"ephemeralContainers": [container(ctx, "debugger")]}});
    ctx.pods().strategic("pod/ephemeralcontainers", patch).await.context("patch")?;
    runs(ctx, &["debugger"]).await?;
    let mut pod = ctx.pods().get("pod").await?;
    pods::push(&mut pod["spec"]["ephemeralContainers"], container(ctx, "debugger2"));
    ctx.pods().update("pod/ephemeralcontainers", &pod).await.context("update")?;
    runs(ctx, &["debugger", "debugger2"]).await?;
    let found = ctx.pods().get("pod").await?;
    let count = found["spec"]["ephemeralContainers"].as_array().map_or(0, Vec::len);
    ensure!(count == 2, "the spec has {count} ephemeral containers");
    Ok(())
}

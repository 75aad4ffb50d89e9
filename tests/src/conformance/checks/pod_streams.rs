//! Remote commands and logs over WebSockets.

use anyhow::{Result, ensure};

use super::super::ctx::Ctx;
use super::super::expect::contains;
use super::super::{pods, stream};
use super::checks;

checks! {
    "pod-exec-ws" => exec;
    "pod-logs-ws" => logs;
}

async fn exec(ctx: &Ctx) -> Result<()> {
    pods::started(ctx, pods::idle(ctx, "pod")).await?;
    let command = "command=echo&command=remote%20execution%20test";
    let path = format!("{}/pod/exec?container=main&stdout=true&stderr=true&{command}", ctx.pods().path);
    let ended = stream::exec(&ctx.api, &path).await?;
    contains(&ended.out, "remote execution test")?;
    ensure!(ended.status["status"] == "Success", "the third channel has {}", ended.status);
    ensure!(ended.err.is_empty(), "stderr has {:?}", ended.err);
    Ok(())
}

async fn logs(ctx: &Ctx) -> Result<()> {
    let text = format!("echo container is alive; {}", pods::IDLE);
    pods::started(ctx, pods::script(ctx, "pod", &text)).await?;
    pods::logs_with(ctx, "pod", "container is alive").await?;
    let path = format!("{}/pod/log?container=main", ctx.pods().path);
    let messages = stream::messages(&ctx.api, &path, "binary.k8s.io").await?;
    contains(&String::from_utf8_lossy(&messages.concat()), "container is alive\n")
}

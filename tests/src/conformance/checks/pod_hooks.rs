//! What a container runs after its start and before its end; a web server's log tells that it was asked.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::super::ctx::Ctx;
use super::super::expect::text;
use super::super::pods;
use super::checks;

checks! {
    "hook-poststart-exec" => hook, "postStart", false;
    "hook-prestop-exec" => hook, "preStop", false;
    "hook-prestop-http" => hook, "preStop", true;
    "pod-prestop" => hook, "preStop", true;
}

/// Starts the server that hooks call; gives its address.
async fn server(ctx: &Ctx) -> Result<String> {
    let pod = pods::started(ctx, pods::web(ctx, "server")).await?;
    Ok(text(&pod, "/status/podIP")?.to_owned())
}

async fn hook(ctx: &Ctx, when: &str, by_http: bool) -> Result<()> {
    let address = server(ctx).await?;
    let path = format!("/hostname?hook={when}");
    let action: Value = match by_http {
        true => json!({"httpGet": {"host": address, "port": 80, "path": path}}),
        false => json!({"exec": {"command": ["sh", "-c", format!("wget -q -O /dev/null 'http://{address}{path}'")]}}),
    };
    let pod = pods::with(pods::idle(ctx, "pod"), json!({"lifecycle": {when: action}}));
    pods::started(ctx, pods::with_spec(pod, json!({"terminationGracePeriodSeconds": 30}))).await?;
    if when == "preStop" {
        let early = pods::logs(ctx, "server", "main").await?;
        anyhow::ensure!(!early.contains("hook="), "the hook ran before the Pod was deleted: {early:?}");
        ctx.pods().delete("pod").await?;
        ctx.pods().gone(60, "pod").await?;
    }
    pods::logs_with(ctx, "server", &format!("hook={when}")).await.context("the hook's request").map(drop)
}

//! NoExecute taints, and how long Pods bear them.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::ctx::Ctx;
use super::super::pods::{self, POD_SECONDS};
use super::super::wait::holds;
use super::checks;

checks! {
    "taint-multi" => shorter_first;
    "taint-removed" => removed_in_time;
}

const KEY: &str = "example.com/conformance-evict";

async fn taint(ctx: &Ctx, node: &str, on: bool) -> Result<()> {
    let nodes = ctx.everywhere("v1", "nodes");
    let change = |it: &mut Value| {
        let mut taints = it["spec"]["taints"].as_array().cloned().unwrap_or_default();
        taints.retain(|taint| taint["key"] != KEY);
        if on {
            taints.push(json!({"key": KEY, "value": "yes", "effect": "NoExecute"}));
        }
        it["spec"]["taints"] = json!(taints);
    };
    nodes.edit(node, change).await.map(drop)
}

async fn start(ctx: &Ctx, name: &str, node: &str, seconds: u64) -> Result<()> {
    let toleration =
        json!({"key": KEY, "operator": "Equal", "value": "yes", "effect": "NoExecute", "tolerationSeconds": seconds});
    let on = json!({"tolerations": [toleration], "nodeSelector": {"kubernetes.io/hostname": node}});
    pods::started(ctx, pods::with_spec(pods::idle(ctx, name), on)).await.map(drop)
}

async fn stays(ctx: &Ctx, name: &str, seconds: u64) -> Result<()> {
    holds(seconds, &format!("{name} to stay"), async || {
        let pod = ctx.pods().get(name).await?;
        ensure!(pod["metadata"]["deletionTimestamp"].is_null(), "{name} is being deleted");
        Ok(())
    })
    .await
}

async fn shorter_first(ctx: &Ctx) -> Result<()> {
    let (node, _) = pods::nodes(ctx).await?.remove(0);
    start(ctx, "shorter", &node, 5).await?;
    start(ctx, "longer", &node, 40).await?;
    taint(ctx, &node, true).await?;
    let checked = async {
        ctx.pods().gone(30, "shorter").await?;
        stays(ctx, "longer", 10).await?;
        ctx.pods().gone(POD_SECONDS, "longer").await
    };
    let checked = checked.await;
    taint(ctx, &node, false).await?;
    checked
}

async fn removed_in_time(ctx: &Ctx) -> Result<()> {
    let (node, _) = pods::nodes(ctx).await?.remove(0);
    start(ctx, "tolerates", &node, 15).await?;
    taint(ctx, &node, true).await?;
    let before = stays(ctx, "tolerates", 5).await;
    taint(ctx, &node, false).await?;
    before.context("while the taint is there")?;
    stays(ctx, "tolerates", 20).await.context("after the taint is gone")
}

//! Where Pods are put, and where not.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::super::ctx::Ctx;
use super::super::expect::{conditions, has, is};
use super::super::pods;
use super::super::wait::{holds, until};
use super::checks;

checks! {
    "arch-two-nodes" => two_nodes;
    "sched-selector" => selector;
    "sched-selector-none" => no_such_node;
    "sched-hostport" => host_ports;
    "rtc-overhead" => overhead;
    "rtc-schedule" => runtime_class;
}

async fn two_nodes(ctx: &Ctx) -> Result<()> {
    let nodes = pods::nodes(ctx).await?;
    ensure!(nodes.len() >= 2, "{} nodes take Pods, at least 2 have to", nodes.len());
    Ok(())
}

async fn selector(ctx: &Ctx) -> Result<()> {
    let (node, _) = pods::nodes(ctx).await?.remove(0);
    let key = format!("conformance-{}", ctx.tag);
    let nodes = ctx.everywhere("v1", "nodes");
    nodes.merge(&node, json!({"metadata": {"labels": {&key: "42"}}})).await?;
    let pod = pods::with_spec(pods::idle(ctx, "selects"), json!({"nodeSelector": {&key: "42"}}));
    let started = pods::started(ctx, pod).await;
    nodes.merge(&node, json!({"metadata": {"labels": {&key: null}}})).await?;
    is(&started?, "/spec/nodeName", node)
}

/// Waits until the scheduler says no, and sees that it stays so.
async fn stays_pending(ctx: &Ctx, name: &str) -> Result<()> {
    let refused = |pod: &Value| {
        let said = conditions(pod).find(|it| it["type"] == "PodScheduled").cloned().unwrap_or_default();
        has(&said, &json!({"status": "False", "reason": "Unschedulable"}))
    };
    ctx.pods().when(30, name, refused).await?;
    holds(10, "the Pod to wait", async || {
        let pod = ctx.pods().get(name).await?;
        is(&pod, "/spec/nodeName", Value::Null)?;
        is(&pod, "/status/phase", "Pending")
    })
    .await
}

async fn no_such_node(ctx: &Ctx) -> Result<()> {
    let pod = pods::with_spec(pods::idle(ctx, "selects"), json!({"nodeSelector": {"conformance-none": ctx.tag}}));
    ctx.pods().create(pod).await?;
    stays_pending(ctx, "selects").await
}

async fn host_ports(ctx: &Ctx) -> Result<()> {
    let (node, address) = pods::nodes(ctx).await?.remove(0);
    let pod = |name: &str, host: &str| {
        let ports = json!([{"containerPort": 8080, "hostPort": 54322, "protocol": "TCP", "hostIP": host}]);
        let on = json!({"nodeSelector": {"kubernetes.io/hostname": node}});
        pods::with_spec(pods::with(pods::idle(ctx, name), json!({"ports": ports})), on)
    };
    pods::started(ctx, pod("any", "0.0.0.0")).await?;
    ctx.pods().create(pod("one", &address)).await?;
    stays_pending(ctx, "one").await
}

/// A RuntimeClass whose handler is the node's own.
async fn class(ctx: &Ctx, overhead: Value) -> Result<String> {
    let name = ctx.unique("class");
    let mut body = json!({"metadata": {"name": name}, "handler": handler(ctx).await?});
    if !overhead.is_null() {
        body["overhead"] = json!({"podFixed": overhead});
    }
    ctx.create_outside(&ctx.everywhere("node.k8s.io/v1", "runtimeclasses"), body).await?;
    Ok(name)
}

/// A handler that a node says it has; without one any name does, for Pods that need not run.
async fn handler(ctx: &Ctx) -> Result<String> {
    let (node, _) = pods::nodes(ctx).await?.remove(0);
    let node = ctx.everywhere("v1", "nodes").get(&node).await?;
    let handlers = node["status"]["runtimeHandlers"].as_array().into_iter().flatten();
    let named = handlers.flat_map(|handler| handler["name"].as_str()).find(|name| !name.is_empty());
    Ok(named.unwrap_or("conformance").to_owned())
}

async fn scheduled(ctx: &Ctx, name: &str) -> Result<Value> {
    until(30, "the Pod to be scheduled", async || {
        let pod = ctx.pods().get(name).await?;
        match super::super::expect::condition(&pod, "PodScheduled") {
            "True" => Ok(pod),
            other => bail!("PodScheduled is {other:?}"),
        }
    })
    .await
}

async fn overhead(ctx: &Ctx) -> Result<()> {
    let name = class(ctx, json!({"cpu": "10m", "memory": "1Mi"})).await?;
    let pod = pods::with_spec(pods::idle(ctx, "pod"), json!({"runtimeClassName": name}));
    let made = ctx.pods().create(pod).await?;
    is(&made, "/spec/overhead", json!({"cpu": "10m", "memory": "1Mi"})).context("filled in at create")?;
    let pod = scheduled(ctx, "pod").await?;
    is(&pod, "/spec/overhead", json!({"cpu": "10m", "memory": "1Mi"}))
}

async fn runtime_class(ctx: &Ctx) -> Result<()> {
    let name = class(ctx, Value::Null).await?;
    let pod = pods::with_spec(pods::idle(ctx, "pod"), json!({"runtimeClassName": name}));
    ctx.pods().create(pod).await?;
    let pod = scheduled(ctx, "pod").await?;
    is(&pod, "/spec/runtimeClassName", name)?;
    ensure!(pod["spec"]["nodeName"].is_string(), "it has no node");
    Ok(())
}

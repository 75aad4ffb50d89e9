//! Pods of a higher priority take the place of others, on a resource that the check gives to a node.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::collection::name_of;
use super::super::ctx::Ctx;
use super::super::expect::{conditions, has, is, number};
use super::super::pods::{self, POD_SECONDS};
use super::super::wait::until;
use super::{checks, deployments};

checks! {
    "preempt-rs" => replica_sets;
    "preempt-basic" => basic;
    "preempt-critical" => critical;
    "preempt-condition" => condition;
}

const RESOURCE: &str = "example.com/conformance";

/// Gives the first node so much of the resource, or takes it away.
async fn give(ctx: &Ctx, amount: Value) -> Result<String> {
    let (node, _) = pods::nodes(ctx).await?.remove(0);
    let nodes = ctx.everywhere("v1", "nodes");
    let patch = json!({"status": {"capacity": {RESOURCE: amount}, "allocatable": {RESOURCE: amount}}});
    nodes.merge(&format!("{node}/status"), patch).await?;
    if !amount.is_null() {
        // Allocatable is the kubelet's to say; it keeps resources that it does not know.
        nodes
            .when(60, &node, |it| is(&it["status"]["allocatable"], "/example.com~1conformance", amount.clone()))
            .await?;
    }
    Ok(node)
}

/// Runs a check while the resource is there.
async fn with_resource(ctx: &Ctx, amount: &str, check: impl AsyncFnOnce(&str) -> Result<()>) -> Result<()> {
    let node = give(ctx, json!(amount)).await?;
    let checked = check(&node).await;
    give(ctx, Value::Null).await?;
    checked
}

async fn priority(ctx: &Ctx, name: &str, value: i64) -> Result<String> {
    let name = ctx.unique(name);
    let classes = ctx.everywhere("scheduling.k8s.io/v1", "priorityclasses");
    ctx.create_outside(&classes, json!({"metadata": {"name": name}, "value": value})).await?;
    Ok(name)
}

/// A Pod that takes a part of the resource.
fn pod(ctx: &Ctx, name: &str, class: &str, amount: &str) -> Value {
    let amounts = json!({RESOURCE: amount});
    let pod = pods::with(pods::idle(ctx, name), json!({"resources": {"requests": amounts, "limits": amounts}}));
    pods::with_spec(pod, json!({"priorityClassName": class}))
}

/// Waits until a Pod is gone or going.
async fn preempted(ctx: &Ctx, name: &str) -> Result<()> {
    until(POD_SECONDS, &format!("{name} to be preempted"), async || match ctx.pods().get(name).await {
        Ok(pod) => {
            ensure!(pod["metadata"]["deletionTimestamp"].is_string(), "it is there");
            Ok(())
        }
        Err(error) if super::super::api::is_code(&error, 404) => Ok(()),
        Err(error) => Err(error),
    })
    .await
}

async fn basic(ctx: &Ctx) -> Result<()> {
    let (low, high) = (priority(ctx, "low", 1).await?, priority(ctx, "high", 1000).await?);
    with_resource(ctx, "5", async |node| {
        pods::started(ctx, pod(ctx, "low", &low, "3")).await?;
        let made = pods::started(ctx, pod(ctx, "high", &high, "3")).await?;
        is(&made, "/spec/nodeName", node)?;
        preempted(ctx, "low").await
    })
    .await
}

async fn critical(ctx: &Ctx) -> Result<()> {
    let low = priority(ctx, "low", 1).await?;
    let system = ctx.inside("kube-system", "v1", "pods");
    let name = ctx.unique("critical");
    with_resource(ctx, "5", async |node| {
        pods::started(ctx, pod(ctx, "low", &low, "3")).await?;
        ctx.create_outside(&system, pod(ctx, &name, "system-cluster-critical", "3")).await?;
        let made = system.when(POD_SECONDS, &name, |pod| is(pod, "/status/phase", "Running")).await?;
        is(&made, "/spec/nodeName", node)?;
        preempted(ctx, "low").await?;
        system.delete_with(&name, json!({"gracePeriodSeconds": 0})).await.map(drop)
    })
    .await
}

async fn condition(ctx: &Ctx) -> Result<()> {
    let (low, high) = (priority(ctx, "low", 1).await?, priority(ctx, "high", 1000).await?);
    let checked = with_resource(ctx, "1", async |_| {
        let mut victim = pod(ctx, "victim", &low, "1");
        victim["metadata"]["finalizers"] = json!(["conformance.example.com/hold"]);
        pods::started(ctx, victim).await?;
        ctx.pods().create(pod(ctx, "high", &high, "1")).await?;
        let told = |pod: &Value| {
            let target = conditions(pod).find(|it| it["type"] == "DisruptionTarget").cloned().unwrap_or_default();
            has(&target, &json!({"status": "True", "reason": "PreemptionByScheduler"}))
        };
        ctx.pods().when(POD_SECONDS, "victim", told).await.map(drop)
    })
    .await;
    ctx.pods().merge("victim", json!({"metadata": {"finalizers": null}})).await.context("let the victim go")?;
    checked
}

/// Five of the resource: 5 of p1 fill it, then 4 of p2, 3 of p3, 2 of p4 push out the lowest.
async fn replica_sets(ctx: &Ctx) -> Result<()> {
    let sets = ctx.here("apps/v1", "replicasets");
    with_resource(ctx, "5", async |_| {
        for (at, replicas) in [(1, 5), (2, 4), (3, 3), (4, 2)] {
            let name = format!("p{at}");
            let class = priority(ctx, &name, at).await?;
            let mut set = deployments::body(ctx, &name, replicas);
            let spec = pod(ctx, "", &class, "1")["spec"].clone();
            set["spec"]["template"]["spec"] = spec;
            set["spec"]["template"]["spec"]["restartPolicy"] = json!("Always");
            sets.create(set).await?;
            let ready = |it: &Value| {
                let found = number(it, "/status/readyReplicas");
                ensure!(found == replicas, "{found} of {replicas} are ready");
                Ok(())
            };
            sets.when(POD_SECONDS, &name, ready).await.with_context(|| format!("after {name}"))?;
        }
        until(60, "what is left of each", async || {
            for (name, wanted) in [("p1", 0), ("p2", 0), ("p3", 3), ("p4", 2)] {
                let set = sets.get(name).await?;
                let found = number(&set, "/status/readyReplicas");
                ensure!(found == wanted, "{found} of {} are ready, expected {wanted}", name_of(&set));
            }
            Ok(())
        })
        .await
    })
    .await
}

//! StatefulSets: order, rolling updates, recreation, deletion by label.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::super::collection::{by_label, name_of};
use super::super::ctx::Ctx;
use super::super::expect::{condition, is, number, text};
use super::super::pods::{self, POD_SECONDS};
use super::super::wait::{holds, until};
use super::super::watch::Watch;
use super::checks;
use super::deployments::{all_ready, body, change_template, rolled_out};

checks! {
    "sts-order" => order;
    "sts-evicted" => recreated;
    "sts-list-patch-delcol" => delete_collection;
    "sts-rolling" => rolling;
}

/// A readiness probe that a file decides.
fn with_switch(mut set: Value) -> Value {
    let probe = json!({"exec": {"command": ["test", "-f", "/tmp/ready"]}, "periodSeconds": 1, "failureThreshold": 1});
    let container = &mut set["spec"]["template"]["spec"]["containers"][0];
    container["readinessProbe"] = probe;
    container["command"] = json!(["sh", "-c", format!("touch /tmp/ready; {}", pods::IDLE)]);
    set
}

/// Reads a watch of Pods until the last expected thing has happened; they have to happen in this order.
async fn in_order(watch: &mut Watch, kind: &str, wanted: &[&str]) -> Result<()> {
    for name in wanted {
        loop {
            let event = watch.next(POD_SECONDS).await.with_context(|| format!("waiting for {kind} {name}"))?;
            if event.kind == kind {
                ensure!(name_of(&event.object) == *name, "{kind} {} came before {name}", name_of(&event.object));
                break;
            }
        }
    }
    Ok(())
}

async fn order(ctx: &Ctx) -> Result<()> {
    let sets = ctx.here("apps/v1", "statefulsets");
    let mut watch = ctx.pods().watch(&by_label("app=ss")).await?;
    sets.create(with_switch(body(ctx, "ss", 1))).await?;
    all_ready(&sets, "ss", 1).await?;
    pods::exec(ctx, "ss-0", "rm /tmp/ready").await?;
    let ready = |wanted: i64| {
        move |it: &Value| {
            let found = number(it, "/status/readyReplicas");
            ensure!(found == wanted, "{found} Pods are ready, expected {wanted}");
            Ok(())
        }
    };
    sets.when(30, "ss", ready(0)).await?;
    sets.merge("ss/scale", json!({"spec": {"replicas": 3}})).await?;
    let only = async |count: usize| {
        let found = ctx.pods().labelled("app=ss").await?.len();
        ensure!(found == count, "there are {found} Pods while one is unready, expected {count}");
        Ok(())
    };
    holds(10, "no scaling up while a Pod is unready", async || only(1).await).await?;
    pods::exec(ctx, "ss-0", "touch /tmp/ready").await?;
    all_ready(&sets, "ss", 3).await?;
    in_order(&mut watch, "ADDED", &["ss-0", "ss-1", "ss-2"]).await?;
    let all = ["ss-0", "ss-1", "ss-2"];
    for name in all {
        pods::exec(ctx, name, "rm /tmp/ready").await?;
    }
    sets.when(30, "ss", ready(0)).await?;
    sets.merge("ss/scale", json!({"spec": {"replicas": 0}})).await?;
    holds(10, "no scaling down while Pods are unready", async || only(3).await).await?;
    // The highest first: none goes before it is ready and those above it are gone.
    for name in all.iter().rev() {
        pods::exec(ctx, name, "touch /tmp/ready").await?;
    }
    in_order(&mut watch, "DELETED", &["ss-2", "ss-1", "ss-0"]).await
}

/// Its Pod fails at a host port that another one has, until that one is gone.
async fn recreated(ctx: &Ctx) -> Result<()> {
    let (node, _) = pods::nodes(ctx).await?.remove(0);
    let port = json!([{"containerPort": 21017, "hostPort": 21017}]);
    let bound = |pod: Value| pods::with_spec(pods::with(pod, json!({"ports": port})), json!({"nodeName": node}));
    pods::started(ctx, bound(pods::idle(ctx, "first"))).await?;
    let sets = ctx.here("apps/v1", "statefulsets");
    let mut set = body(ctx, "ss", 1);
    let template = set["spec"]["template"].take();
    set["spec"]["template"] = bound(template);
    let mut watch = ctx.pods().watch("fieldSelector=metadata.name%3Dss-0").await?;
    sets.create(set).await?;
    let failed =
        watch.see(POD_SECONDS, "MODIFIED", |pod| pod["status"]["phase"] == "Failed").await.context("it fails")?;
    watch
        .see(60, "DELETED", |pod| pod["metadata"]["uid"] == failed["metadata"]["uid"])
        .await
        .context("it is deleted")?;
    ctx.pods().delete("first").await?;
    until(POD_SECONDS, "a new ss-0 to run", async || {
        let pod = ctx.pods().get("ss-0").await?;
        ensure!(pod["metadata"]["uid"] != failed["metadata"]["uid"], "it is the failed one");
        is(&pod, "/status/phase", "Running")
    })
    .await
}

async fn delete_collection(ctx: &Ctx) -> Result<()> {
    let sets = ctx.here("apps/v1", "statefulsets");
    let selector = format!("conformance={}", ctx.tag);
    sets.create(body(ctx, "ss", 1)).await?;
    all_ready(&sets, "ss", 1).await?;
    let containers = json!([{"name": "main", "image": ctx.nginx(), "command": null}]);
    let patch = json!({"spec": {"replicas": 2, "template": {"spec": {"containers": containers}}}});
    sets.strategic("ss", patch).await?;
    let found = rolled_out(&sets, "ss", 2).await?;
    is(&found, "/spec/template/spec/containers/0/image", ctx.nginx())?;
    let found = ctx.everywhere("apps/v1", "statefulsets").labelled(&selector).await?;
    ensure!(found.len() == 1, "the list has {} StatefulSets", found.len());
    sets.delete_collection(&selector).await?;
    sets.none_left(60, &selector).await
}

async fn rolling(ctx: &Ctx) -> Result<()> {
    let sets = ctx.here("apps/v1", "statefulsets");
    sets.create(body(ctx, "ss", 3)).await?;
    let first = all_ready(&sets, "ss", 3).await?;
    let first = text(&first, "/status/currentRevision")?.to_owned();
    replaced_downwards(ctx, "1").await?;
    let second = sets.when(30, "ss", settled).await?;
    let second = text(&second, "/status/currentRevision")?.to_owned();
    ensure!(second != first, "the revision is still {first}");
    // Back to what it was: the same revision again.
    let change = json!([{"op": "remove", "path": "/spec/template/spec/containers/0/env"}]);
    sets.json_patch("ss", change).await?;
    rolled_out(&sets, "ss", 3).await.context("rolling back")?;
    let third = sets.when(30, "ss", settled).await?;
    is(&third, "/status/currentRevision", first.clone()).context("the earlier revision is used again")?;
    for pod in ctx.pods().labelled("app=ss").await? {
        is(&pod, "/metadata/labels/controller-revision-hash", first.clone())?;
    }
    Ok(())
}

/// No update is under way.
fn settled(set: &Value) -> Result<()> {
    is(set, "/status/currentRevision", set["status"]["updateRevision"].clone())?;
    is(set, "/status/currentReplicas", 3)
}

/// Changes the template and sees the Pods replaced, one by one, the highest first.
async fn replaced_downwards(ctx: &Ctx, value: &str) -> Result<()> {
    let sets = ctx.here("apps/v1", "statefulsets");
    let list = ctx.pods().list("").await?;
    let from = list["metadata"]["resourceVersion"].as_str().unwrap_or_default();
    let mut watch = ctx.pods().watch(&format!("{}&resourceVersion={from}", by_label("app=ss"))).await?;
    change_template(&sets, "ss", value).await?;
    for name in ["ss-2", "ss-1", "ss-0"] {
        loop {
            let event = watch.next(POD_SECONDS).await?;
            let found = name_of(&event.object);
            if event.kind == "DELETED" && found != name {
                bail!("{found} was replaced before {name}");
            }
            if event.kind != "DELETED" && found == name && condition(&event.object, "Ready") == "True" {
                let env = &event.object["spec"]["containers"][0]["env"][0]["value"];
                if env == value {
                    break;
                }
            }
        }
    }
    rolled_out(&sets, "ss", 3).await.map(drop)
}

//! ReplicationControllers: adoption, release, quota, life.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::collection::{by_label, items, name_of};
use super::super::ctx::Ctx;
use super::super::expect::{condition, has, is, number};
use super::super::pods::{self, POD_SECONDS};
use super::super::wait::until;
use super::checks;
use super::deployments::all_ready;

checks! {
    "rc-adopt" => adopt;
    "rc-release" => release;
    "rc-quota-condition" => quota;
    "rc-lifecycle" => life;
}

/// A ReplicationController of idle Pods labelled `app=NAME`.
pub fn body(ctx: &Ctx, name: &str, replicas: i64) -> Value {
    let labels = json!({"app": name, "conformance": ctx.tag});
    let spec = json!({"replicas": replicas, "selector": {"app": name}, "template": pods::template(ctx, &labels)});
    json!({"metadata": {"name": name, "labels": labels}, "spec": spec})
}

/// The uid of the controller an object has.
fn controller(object: &Value) -> Value {
    let owners = object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    owners.into_iter().find(|owner| owner["controller"] == true).map_or(Value::Null, |owner| owner["uid"].clone())
}

async fn adopt(ctx: &Ctx) -> Result<()> {
    let mut pod = pods::with_spec(pods::idle(ctx, "orphan"), json!({"restartPolicy": "Always"}));
    pod["metadata"]["labels"] = json!({"app": "adopt"});
    pods::started(ctx, pod).await?;
    let all = ctx.here("v1", "replicationcontrollers");
    let made = all.create(body(ctx, "adopt", 1)).await?;
    let adopted = |pod: &Value| {
        ensure!(controller(pod) == made["metadata"]["uid"], "its owners are {}", pod["metadata"]["ownerReferences"]);
        Ok(())
    };
    ctx.pods().when(60, "orphan", adopted).await?;
    all_ready(&all, "adopt", 1).await?;
    ensure!(ctx.pods().labelled("app=adopt").await?.len() == 1, "more Pods than the adopted one");
    Ok(())
}

async fn release(ctx: &Ctx) -> Result<()> {
    let all = ctx.here("v1", "replicationcontrollers");
    all.create(body(ctx, "release", 1)).await?;
    all_ready(&all, "release", 1).await?;
    let pod = ctx.pods().labelled("app=release").await?.remove(0);
    let name = name_of(&pod).to_owned();
    ctx.pods().merge(&name, json!({"metadata": {"labels": {"app": "released"}}})).await?;
    let released = |pod: &Value| {
        ensure!(controller(pod).is_null(), "its owners are {}", pod["metadata"]["ownerReferences"]);
        Ok(())
    };
    ctx.pods().when(60, &name, released).await?;
    until(60, "another Pod in its place", async || {
        let now = ctx.pods().labelled("app=release").await?;
        ensure!(now.len() == 1 && name_of(&now[0]) != name, "there are {} Pods", now.len());
        Ok(())
    })
    .await
}

async fn quota(ctx: &Ctx) -> Result<()> {
    let quotas = ctx.here("v1", "resourcequotas");
    quotas.create(json!({"metadata": {"name": "two-pods"}, "spec": {"hard": {"pods": "2"}}})).await?;
    quotas.when(30, "two-pods", |it| is(it, "/status/hard/pods", "2")).await?;
    let all = ctx.here("v1", "replicationcontrollers");
    all.create(body(ctx, "blocked", 3)).await?;
    let told = |wanted: &'static str| {
        move |it: &Value| {
            let found = condition(it, "ReplicaFailure");
            ensure!(found == wanted, "ReplicaFailure is {found:?}, expected {wanted:?}");
            Ok(())
        }
    };
    all.when(60, "blocked", told("True")).await.context("blocked by the quota")?;
    all.edit("blocked", |it| it["spec"]["replicas"] = json!(2)).await?;
    all.when(60, "blocked", told("")).await.context("within the quota").map(drop)
}

async fn life(ctx: &Ctx) -> Result<()> {
    let all = ctx.here("v1", "replicationcontrollers");
    let selector = format!("conformance={}", ctx.tag);
    let mut watch = all.watch(&by_label(&selector)).await?;
    all.create(body(ctx, "life", 1)).await?;
    watch.see(20, "ADDED", |it| name_of(it) == "life").await?;
    watch.see(POD_SECONDS, "MODIFIED", |it| number(it, "/status/readyReplicas") == 1).await.context("ready")?;
    let patch = json!({"metadata": {"labels": {"patched": "yes"}}});
    has(&all.strategic("life", patch.clone()).await?, &patch)?;
    watch.see(20, "MODIFIED", |it| has(it, &patch).is_ok()).await.context("patched")?;
    let set = json!({"status": {"readyReplicas": 0, "availableReplicas": 0}});
    has(&all.strategic("life/status", set).await?, &json!({"metadata": {"name": "life"}})).context("status patch")?;
    watch.see(20, "MODIFIED", |it| number(it, "/status/readyReplicas") == 0).await.context("status patched")?;
    watch
        .see(60, "MODIFIED", |it| number(it, "/status/readyReplicas") == 1)
        .await
        .context("status made right again")?;
    all.merge("life/scale", json!({"spec": {"replicas": 2}})).await.context("scale")?;
    watch.see(POD_SECONDS, "MODIFIED", |it| number(it, "/status/readyReplicas") == 2).await.context("scaled")?;
    all.edit("life", |it| it["metadata"]["annotations"] = json!({"updated": "yes"})).await?;
    watch.see(20, "MODIFIED", |it| it["metadata"]["annotations"]["updated"] == "yes").await.context("updated")?;
    let found = items(&ctx.everywhere("v1", "replicationcontrollers").list(&by_label(&selector)).await?);
    ensure!(found.len() == 1, "the list over all namespaces has {}", found.len());
    all.delete_collection(&selector).await?;
    watch.see(60, "DELETED", |it| name_of(it) == "life").await.map(drop)
}

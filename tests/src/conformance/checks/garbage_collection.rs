//! What deleting an owner does to what it owns.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::collection::{items, name_of};
use super::super::ctx::Ctx;
use super::super::expect::is;
use super::super::pods::{self, POD_SECONDS};
use super::super::wait::{holds, until};
use super::deployments::{all_ready, body};
use super::{checks, replication_controllers};

checks! {
    "gc-deploy-background" => background;
    "gc-deploy-orphan" => orphan;
    "gc-rc-foreground" => foreground;
    "gc-cycle" => cycle;
    "gc-two-owners" => two_owners;
}

async fn set_of(ctx: &Ctx, deployment: &str) -> Result<Value> {
    until(30, "its ReplicaSet", async || {
        let mut sets = ctx.here("apps/v1", "replicasets").labelled(&format!("app={deployment}")).await?;
        sets.pop().context("there is none")
    })
    .await
}

async fn background(ctx: &Ctx) -> Result<()> {
    let all = ctx.here("apps/v1", "deployments");
    all.create(body(ctx, "owner", 2)).await?;
    set_of(ctx, "owner").await?;
    all_ready(&all, "owner", 2).await?;
    all.delete_with("owner", json!({"propagationPolicy": "Background"})).await?;
    all.gone(30, "owner").await?;
    ctx.here("apps/v1", "replicasets").none_left(60, "app=owner").await?;
    ctx.pods().none_left(60, "app=owner").await
}

async fn orphan(ctx: &Ctx) -> Result<()> {
    let all = ctx.here("apps/v1", "deployments");
    all.create(body(ctx, "owner", 1)).await?;
    let set = set_of(ctx, "owner").await?;
    all.delete_with("owner", json!({"propagationPolicy": "Orphan"})).await?;
    all.gone(60, "owner").await?;
    let sets = ctx.here("apps/v1", "replicasets");
    sets.when(30, name_of(&set), |it| is(it, "/metadata/ownerReferences", Value::Null)).await?;
    holds(10, "the ReplicaSet to stay", async || sets.get(name_of(&set)).await.map(drop)).await
}

async fn foreground(ctx: &Ctx) -> Result<()> {
    const HOLD: &str = "conformance.example.com/hold";
    let all = ctx.here("v1", "replicationcontrollers");
    all.create(replication_controllers::body(ctx, "owner", 2)).await?;
    all_ready(&all, "owner", 2).await?;
    // One Pod cannot go before the check lets it.
    let pod = name_of(&ctx.pods().labelled("app=owner").await?[0]).to_owned();
    ctx.pods().merge(&pod, json!({"metadata": {"finalizers": [HOLD]}})).await?;
    all.delete_with("owner", json!({"propagationPolicy": "Foreground"})).await?;
    let waits = async || {
        let owner = all.get("owner").await?;
        ensure!(owner["metadata"]["deletionTimestamp"].is_string(), "it has no deletionTimestamp");
        is(&owner, "/metadata/finalizers", json!(["foregroundDeletion"]))
    };
    let held = holds(10, "the owner to wait for its Pods", waits).await;
    ctx.pods().merge(&pod, json!({"metadata": {"finalizers": null}})).await?;
    held?;
    all.gone(60, "owner").await?;
    let left = ctx.pods().labelled("app=owner").await?;
    ensure!(left.is_empty(), "{} Pods are left when the owner is gone", left.len());
    Ok(())
}

fn owner(object: &Value, blocks: bool) -> Value {
    json!({
        "apiVersion": object["apiVersion"], "kind": object["kind"], "name": object["metadata"]["name"],
        "uid": object["metadata"]["uid"], "controller": false, "blockOwnerDeletion": blocks,
    })
}

async fn cycle(ctx: &Ctx) -> Result<()> {
    let mut made = Vec::new();
    for name in ["pod1", "pod2", "pod3"] {
        let mut pod = pods::idle(ctx, name);
        pod["metadata"]["labels"] = json!({"app": "cycle"});
        made.push(ctx.pods().create(pod).await?);
    }
    for (at, pod) in made.iter().enumerate() {
        let owners = json!([owner(&made[(at + 2) % 3], true)]);
        ctx.pods().merge(name_of(pod), json!({"metadata": {"ownerReferences": owners}})).await?;
    }
    ctx.pods().delete("pod1").await?;
    ctx.pods().none_left(POD_SECONDS, "app=cycle").await
}

async fn two_owners(ctx: &Ctx) -> Result<()> {
    let all = ctx.here("v1", "replicationcontrollers");
    all.create(replication_controllers::body(ctx, "dies", 4)).await?;
    let stays = all.create(replication_controllers::body(ctx, "stays", 0)).await?;
    all_ready(&all, "dies", 4).await?;
    let owned = ctx.pods().labelled("app=dies").await?;
    let both: Vec<&str> = owned[..2].iter().map(name_of).collect();
    for name in &both {
        let mut owners = ctx.pods().get(name).await?["metadata"]["ownerReferences"].clone();
        pods::push(&mut owners, owner(&stays, false));
        ctx.pods().merge(name, json!({"metadata": {"ownerReferences": owners}})).await?;
    }
    all.delete_with("dies", json!({"propagationPolicy": "Foreground"})).await?;
    all.gone(90, "dies").await?;
    until(60, "the Pods with one owner to go", async || {
        let left = items(&ctx.pods().list("").await?);
        let names: Vec<&str> = left.iter().map(name_of).collect();
        ensure!(names.len() == 2 && both.iter().all(|name| names.contains(name)), "left are {names:?}, not {both:?}");
        Ok(())
    })
    .await?;
    for name in both {
        let pod = ctx.pods().get(name).await?;
        ensure!(pod["metadata"]["deletionTimestamp"].is_null(), "{name} is being deleted");
        let owners = pod["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default();
        ensure!(owners.len() == 1 && owners[0]["name"] == "stays", "{name} has owners {owners:?}");
    }
    Ok(())
}

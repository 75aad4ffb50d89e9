//! DaemonSets: one Pod a node, nodes by label, rolling, rolling back, deletion by label.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::collection::{Collection, items, name_of};
use super::super::ctx::Ctx;
use super::super::expect::{is, number};
use super::super::pods::{self, POD_SECONDS};
use super::super::wait::until;
use super::checks;

checks! {
    "ds-list-delcol" => delete_collection;
    "ds-rollback" => rollback;
    "ds-node-select" => node_selector;
    "ds-simple" => one_a_node;
    "ds-rolling" => rolling;
}

pub fn body(ctx: &Ctx, name: &str) -> Value {
    let labels = json!({"app": name, "conformance": ctx.tag});
    let spec = json!({"selector": {"matchLabels": {"app": name}}, "template": pods::template(ctx, &labels)});
    json!({"metadata": {"name": name, "labels": labels}, "spec": spec})
}

pub fn all(ctx: &Ctx) -> Collection {
    ctx.here("apps/v1", "daemonsets")
}

/// The nodes that the DaemonSet's Pods run on, ready.
async fn ready_on(ctx: &Ctx, name: &str) -> Result<BTreeSet<String>> {
    let pods = ctx.pods().labelled(&format!("app={name}")).await?;
    let living: Vec<&Value> = pods.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null()).collect();
    let mut nodes = BTreeSet::new();
    for pod in living {
        ensure!(super::super::expect::condition(pod, "Ready") == "True", "{} is not ready", name_of(pod));
        let node = pod["spec"]["nodeName"].as_str().unwrap_or_default().to_owned();
        ensure!(nodes.insert(node.clone()), "two Pods are on {node}");
    }
    Ok(nodes)
}

/// Waits until a ready Pod is on each of these nodes and on no other.
pub async fn runs_on(ctx: &Ctx, name: &str, wanted: &BTreeSet<String>) -> Result<()> {
    until(POD_SECONDS, &format!("Pods of {name} on {wanted:?}"), async || {
        let found = ready_on(ctx, name).await?;
        ensure!(found == *wanted, "they are on {found:?}");
        Ok(())
    })
    .await
}

pub async fn every_node(ctx: &Ctx) -> Result<BTreeSet<String>> {
    Ok(pods::nodes(ctx).await?.into_iter().map(|(name, _)| name).collect())
}

async fn one_a_node(ctx: &Ctx) -> Result<()> {
    all(ctx).create(body(ctx, "ds")).await?;
    let nodes = every_node(ctx).await?;
    runs_on(ctx, "ds", &nodes).await?;
    let gone = ctx.pods().labelled("app=ds").await?.remove(0);
    ctx.pods().delete(name_of(&gone)).await?;
    ctx.pods().gone(60, name_of(&gone)).await?;
    runs_on(ctx, "ds", &nodes).await.context("a replacement")
}

async fn node_selector(ctx: &Ctx) -> Result<()> {
    let nodes = ctx.everywhere("v1", "nodes");
    let (node, _) = pods::nodes(ctx).await?.remove(0);
    let key = format!("conformance-{}", ctx.tag);
    let label = async |value: Value| nodes.merge(&node, json!({"metadata": {"labels": {&key: value}}})).await;
    let mut wanted = body(ctx, "ds");
    wanted["spec"]["template"]["spec"]["nodeSelector"] = json!({&key: "blue"});
    all(ctx).create(wanted).await?;
    let (none, one) = (BTreeSet::new(), BTreeSet::from([node.clone()]));
    all(ctx).when(30, "ds", |it| is(it, "/status/observedGeneration", 1)).await?;
    runs_on(ctx, "ds", &none).await.context("no node has the label")?;
    label(json!("blue")).await?;
    let checked = async {
        runs_on(ctx, "ds", &one).await.context("a node has the label")?;
        label(json!("green")).await?;
        runs_on(ctx, "ds", &none).await.context("the node's label is another")?;
        let spec = json!({"updateStrategy": {"type": "RollingUpdate"}, "template": {"spec": {"nodeSelector": {&key: "green"}}}});
        all(ctx).merge("ds", json!({"spec": spec})).await?;
        runs_on(ctx, "ds", &one).await.context("the selector follows the label")
    };
    let checked = checked.await;
    label(Value::Null).await?;
    checked
}

async fn delete_collection(ctx: &Ctx) -> Result<()> {
    let selector = format!("conformance={}", ctx.tag);
    all(ctx).create(body(ctx, "ds")).await?;
    runs_on(ctx, "ds", &every_node(ctx).await?).await?;
    let found =
        items(&ctx.everywhere("apps/v1", "daemonsets").list(&super::super::collection::by_label(&selector)).await?);
    ensure!(found.len() == 1 && name_of(&found[0]) == "ds", "the list has {}", found.len());
    all(ctx).delete_collection(&selector).await?;
    all(ctx).none_left(60, &selector).await?;
    ctx.pods().none_left(60, "app=ds").await
}

/// Updated everywhere, and ready.
async fn rolled_out(ctx: &Ctx, nodes: &BTreeSet<String>) -> Result<()> {
    let count = i64::try_from(nodes.len())?;
    all(ctx)
        .when(POD_SECONDS * 2, "ds", |it| {
            is(it, "/status/observedGeneration", it["metadata"]["generation"].clone())?;
            for field in ["updatedNumberScheduled", "numberAvailable"] {
                let found = number(it, &format!("/status/{field}"));
                ensure!(found == count, "{field} is {found}, expected {count}");
            }
            Ok(())
        })
        .await?;
    runs_on(ctx, "ds", nodes).await
}

/// The hashes of the revisions that Pods are of.
async fn hashes(ctx: &Ctx) -> Result<BTreeSet<String>> {
    let pods = ctx.pods().labelled("app=ds").await?;
    let hash =
        |pod: &Value| pod["metadata"]["labels"]["controller-revision-hash"].as_str().unwrap_or_default().to_owned();
    Ok(pods.iter().map(hash).collect())
}

async fn rolling(ctx: &Ctx) -> Result<()> {
    let nodes = every_node(ctx).await?;
    let mut wanted = body(ctx, "ds");
    wanted["spec"]["updateStrategy"] = json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}});
    all(ctx).create(wanted).await?;
    rolled_out(ctx, &nodes).await?;
    let before = hashes(ctx).await?;
    ensure!(before.len() == 1 && !before.contains(""), "the Pods have hashes {before:?}");
    let containers = json!([{"name": "main", "image": ctx.nginx(), "command": null}]);
    all(ctx).strategic("ds", json!({"spec": {"template": {"spec": {"containers": containers}}}})).await?;
    let (generation, mut worst) = (2, 0);
    until(POD_SECONDS * 2, "the rollout", async || {
        let it = all(ctx).get("ds").await?;
        worst = worst.max(number(&it, "/status/numberUnavailable"));
        is(&it, "/status/observedGeneration", generation)?;
        is(&it, "/status/updatedNumberScheduled", nodes.len())?;
        is(&it, "/status/numberAvailable", nodes.len())
    })
    .await?;
    ensure!(worst <= 1, "{worst} Pods were unavailable at a time, at most 1 may be");
    rolled_out(ctx, &nodes).await?;
    let after = hashes(ctx).await?;
    ensure!(after.len() == 1 && after != before, "the Pods' hashes were {before:?}, are {after:?}");
    for pod in ctx.pods().labelled("app=ds").await? {
        is(&pod, "/spec/containers/0/image", ctx.nginx())?;
    }
    Ok(())
}

async fn rollback(ctx: &Ctx) -> Result<()> {
    let nodes = every_node(ctx).await?;
    ensure!(nodes.len() > 1, "one node is too few: a good Pod has to stay while another is replaced");
    all(ctx).create(body(ctx, "ds")).await?;
    rolled_out(ctx, &nodes).await?;
    let good = ctx.pods().labelled("app=ds").await?;
    let containers = json!([{"name": "main", "image": format!("{}none:such", ctx.settings.image_prefix)}]);
    all(ctx).strategic("ds", json!({"spec": {"template": {"spec": {"containers": containers}}}})).await?;
    let kept = until(60, "one bad Pod", async || {
        let now = ctx.pods().labelled("app=ds").await?;
        let kept: Vec<Value> = good
            .iter()
            .filter(|old| now.iter().any(|pod| pod["metadata"]["uid"] == old["metadata"]["uid"]))
            .cloned()
            .collect();
        let bad = now.iter().any(|pod| pod["spec"]["containers"][0]["image"] == containers[0]["image"]);
        ensure!(bad && kept.len() + 1 == nodes.len(), "{} good Pods are kept, bad: {bad}", kept.len());
        Ok(kept)
    })
    .await?;
    let back = json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": ctx.busybox()}]);
    all(ctx).json_patch("ds", back).await.context("roll back")?;
    rolled_out(ctx, &nodes).await?;
    for old in kept {
        let now = ctx.pods().get(name_of(&old)).await.context("a Pod that was good all the time")?;
        is(&now, "/metadata/uid", old["metadata"]["uid"].clone())?;
        is(
            &now,
            "/status/containerStatuses/0/restartCount",
            old["status"]["containerStatuses"][0]["restartCount"].clone(),
        )?;
    }
    Ok(())
}

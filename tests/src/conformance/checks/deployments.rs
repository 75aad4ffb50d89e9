//! Deployments: rollouts, history, scale, status. Other files take a Deployment's body and what scaling means from here.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::collection::{Collection, by_label, items, name_of};
use super::super::ctx::Ctx;
use super::super::expect::{has, is, number};
use super::super::lifecycle;
use super::super::pods::{POD_SECONDS, template};
use super::super::wait::until;
use super::checks;

checks! {
    "dep-scale" => scale, ("apps/v1", "deployments");
    "rs-scale" => scale, ("apps/v1", "replicasets");
    "sts-scale" => scale, ("apps/v1", "statefulsets");
    "dep-status" => status, ("apps/v1", "deployments");
    "rs-status" => status, ("apps/v1", "replicasets");
    "sts-status" => status, ("apps/v1", "statefulsets");
    "dep-recreate" => recreate;
    "dep-rolling" => rolling;
    "dep-history" => history;
    "dep-rollover" => rollover;
    "dep-lifecycle" => life;
}

/// A Deployment, ReplicaSet or StatefulSet of idle Pods labelled `app=NAME`.
pub fn body(ctx: &Ctx, name: &str, replicas: i64) -> Value {
    let labels = json!({"app": name, "conformance": ctx.tag});
    let spec =
        json!({"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template(ctx, &labels)});
    json!({"metadata": {"name": name, "labels": labels}, "spec": spec})
}

/// Waits until so many Pods of a workload are ready, and no others are there.
pub async fn all_ready(objects: &Collection, name: &str, replicas: i64) -> Result<Value> {
    objects
        .when(POD_SECONDS * 2, name, |it| {
            let seen = number(it, "/status/observedGeneration") >= number(it, "/metadata/generation");
            ensure!(seen, "the status is of generation {}", it["status"]["observedGeneration"]);
            for field in ["replicas", "readyReplicas"] {
                let found = number(it, &format!("/status/{field}"));
                ensure!(found == replicas, "{field} is {found}, expected {replicas}: {}", it["status"]);
            }
            Ok(())
        })
        .await
}

/// As [`all_ready`], all of them of the newest template.
pub async fn rolled_out(objects: &Collection, name: &str, replicas: i64) -> Result<Value> {
    let updated = |it: &Value| {
        let found = number(it, "/status/updatedReplicas");
        ensure!(found == replicas, "updatedReplicas is {found}, expected {replicas}");
        Ok(())
    };
    objects.when(POD_SECONDS * 2, name, updated).await?;
    all_ready(objects, name, replicas).await
}

/// Changes the template, so that its Pods are new.
pub async fn change_template(objects: &Collection, name: &str, value: &str) -> Result<Value> {
    let env = json!([{"name": "CHANGE", "value": value}]);
    let patch = json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "env": env}]}}}});
    objects.strategic(name, patch).await
}

async fn scale(ctx: &Ctx, (group_version, plural): (&str, &str)) -> Result<()> {
    let objects = ctx.here(group_version, plural);
    objects.create(body(ctx, "scaled", 1)).await?;
    let part = "scaled/scale";
    let found = objects.get(part).await.context("get")?;
    has(&found, &json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "spec": {"replicas": 1}}))?;
    let mut wanted = found;
    wanted["spec"]["replicas"] = json!(2);
    wanted["metadata"]["resourceVersion"] = Value::Null;
    has(&objects.update(part, &wanted).await.context("update")?, &json!({"kind": "Scale", "spec": {"replicas": 2}}))?;
    is(&objects.get("scaled").await?, "/spec/replicas", 2).context("after an update")?;
    has(
        &objects.merge(part, json!({"spec": {"replicas": 4}})).await.context("patch")?,
        &json!({"spec": {"replicas": 4}}),
    )?;
    is(&objects.get("scaled").await?, "/spec/replicas", 4).context("after a patch")?;
    objects.when(30, "scaled", |it| is(it, "/status/observedGeneration", it["metadata"]["generation"].clone())).await?;
    Ok(())
}

async fn status(ctx: &Ctx, (group_version, plural): (&str, &str)) -> Result<()> {
    let objects = ctx.here(group_version, plural);
    objects.create(body(ctx, "status", 1)).await?;
    all_ready(&objects, "status", 1).await?;
    status_of(ctx, &objects, "status").await
}

/// A condition through /status stays, and a watch sees it.
pub async fn status_of(ctx: &Ctx, objects: &Collection, name: &str) -> Result<()> {
    let list = objects.list("").await?;
    let from = list["metadata"]["resourceVersion"].as_str().unwrap_or_default();
    let mut watch = objects.watch(&format!("fieldSelector=metadata.name%3D{name}&resourceVersion={from}")).await?;
    let condition = |reason: &str| json!({"status": {"conditions": [{"type": "StatusUpdate", "status": "True", "reason": reason, "message": ctx.tag}]}});
    let found = objects.get(&format!("{name}/status")).await?;
    let mut patched = condition("Patched");
    let kept = found["status"]["conditions"].as_array().cloned().unwrap_or_default();
    patched["status"]["conditions"].as_array_mut().context("a list")?.extend(kept);
    lifecycle::status(objects, name, [patched, condition("Updated")]).await?;
    for reason in ["Patched", "Updated"] {
        let seen = |it: &Value| has(it, &condition(reason)).is_ok();
        watch.see(20, "MODIFIED", seen).await.with_context(|| format!("watch of reason {reason}"))?;
    }
    Ok(())
}

/// ReplicaSets or Pods with the Deployment's label.
async fn labelled(ctx: &Ctx, group_version: &str, plural: &str, name: &str) -> Result<Vec<Value>> {
    ctx.here(group_version, plural).labelled(&format!("app={name}")).await
}

async fn recreate(ctx: &Ctx) -> Result<()> {
    let all = ctx.here("apps/v1", "deployments");
    let mut wanted = body(ctx, "recreate", 2);
    wanted["spec"]["strategy"] = json!({"type": "Recreate"});
    all.create(wanted).await?;
    all_ready(&all, "recreate", 2).await?;
    let old: Vec<Value> = labelled(ctx, "v1", "pods", "recreate").await?;
    let list = ctx.pods().list("").await?;
    let from = list["metadata"]["resourceVersion"].as_str().unwrap_or_default();
    let mut watch = ctx.pods().watch(&format!("{}&resourceVersion={from}", by_label("app=recreate"))).await?;
    change_template(&all, "recreate", "1").await?;
    let mut alive: Vec<&str> = old.iter().map(name_of).collect();
    loop {
        let event = watch.next(POD_SECONDS).await?;
        let name = name_of(&event.object);
        let phase = event.object["status"]["phase"].as_str().unwrap_or_default();
        if event.kind == "DELETED" || (phase == "Succeeded" || phase == "Failed") {
            alive.retain(|old| *old != name);
        } else if !old.iter().any(|pod| name_of(pod) == name) && phase == "Running" {
            ensure!(alive.is_empty(), "{name} runs while {alive:?} are still there");
            break;
        }
    }
    rolled_out(&all, "recreate", 2).await.map(drop)
}

async fn rolling(ctx: &Ctx) -> Result<()> {
    let sets = ctx.here("apps/v1", "replicasets");
    let mut set = body(ctx, "rolling", 1);
    set["metadata"]["name"] = json!("adopted");
    set["metadata"]["annotations"] = json!({"deployment.kubernetes.io/revision": "3546343826724305832"});
    sets.create(set).await?;
    all_ready(&sets, "adopted", 1).await?;
    let all = ctx.here("apps/v1", "deployments");
    let mut wanted = body(ctx, "rolling", 1);
    wanted["spec"]["template"]["spec"]["containers"][0]["env"] = json!([{"name": "CHANGE", "value": "1"}]);
    let made = all.create(wanted).await?;
    rolled_out(&all, "rolling", 1).await?;
    let found = all.get("rolling").await?;
    is(&found, "/metadata/annotations/deployment.kubernetes.io~1revision", "3546343826724305833")?;
    sets.when(60, "adopted", |it| {
        is(it, "/spec/replicas", 0)?;
        is(it, "/status/replicas", 0)?;
        is(it, "/metadata/ownerReferences/0/uid", made["metadata"]["uid"].clone()).context("the old set's owner")
    })
    .await?;
    ensure!(items(&sets.list("").await?).len() == 2, "there are more than the adopted set and the new one");
    Ok(())
}

async fn history(ctx: &Ctx) -> Result<()> {
    let all = ctx.here("apps/v1", "deployments");
    let mut wanted = body(ctx, "history", 1);
    wanted["spec"]["revisionHistoryLimit"] = json!(0);
    all.create(wanted).await?;
    all_ready(&all, "history", 1).await?;
    change_template(&all, "history", "1").await?;
    rolled_out(&all, "history", 1).await?;
    until(60, "the old ReplicaSet to go", async || {
        let sets = labelled(ctx, "apps/v1", "replicasets", "history").await?;
        ensure!(sets.len() == 1, "there are {} ReplicaSets", sets.len());
        is(&sets[0], "/spec/replicas", 1)
    })
    .await
}

async fn rollover(ctx: &Ctx) -> Result<()> {
    let all = ctx.here("apps/v1", "deployments");
    let mut wanted = body(ctx, "rollover", 1);
    wanted["spec"]["minReadySeconds"] = json!(5);
    wanted["spec"]["strategy"] =
        json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}});
    all.create(wanted).await?;
    all_ready(&all, "rollover", 1).await?;
    // The second template never becomes ready.
    let image = json!([{"name": "main", "image": format!("{}none:such", ctx.settings.image_prefix)}]);
    all.strategic("rollover", json!({"spec": {"template": {"spec": {"containers": image}}}})).await?;
    all.when(30, "rollover", |it| is(it, "/status/updatedReplicas", 1)).await?;
    let image = json!([{"name": "main", "image": ctx.busybox(), "env": [{"name": "CHANGE", "value": "2"}]}]);
    all.strategic("rollover", json!({"spec": {"template": {"spec": {"containers": image}}}})).await?;
    rolled_out(&all, "rollover", 1).await?;
    all.when(60, "rollover", |it| is(it, "/status/availableReplicas", 1)).await?;
    until(60, "the older ReplicaSets to have no Pods", async || {
        let sets = labelled(ctx, "apps/v1", "replicasets", "rollover").await?;
        ensure!(sets.len() == 3, "there are {} ReplicaSets", sets.len());
        for set in sets {
            let newest = set["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] == "2";
            is(&set, "/status/replicas", i64::from(newest)).with_context(|| name_of(&set).to_owned())?;
        }
        Ok(())
    })
    .await
}

async fn life(ctx: &Ctx) -> Result<()> {
    let all = ctx.here("apps/v1", "deployments");
    let selector = format!("conformance={}", ctx.tag);
    let mut watch = all.watch(&by_label(&selector)).await?;
    all.create(body(ctx, "life", 1)).await?;
    watch.see(20, "ADDED", |it| name_of(it) == "life").await?;
    watch.see(POD_SECONDS, "MODIFIED", |it| number(it, "/status/readyReplicas") == 1).await.context("ready")?;
    let patch = json!({"metadata": {"labels": {"patched": "yes"}}, "spec": {"replicas": 2}});
    has(&all.strategic("life", patch).await?, &json!({"metadata": {"labels": {"patched": "yes"}}}))?;
    watch.see(POD_SECONDS, "MODIFIED", |it| number(it, "/status/readyReplicas") == 2).await.context("patched")?;
    has(&all.merge("life/scale", json!({"spec": {"replicas": 1}})).await?, &json!({"spec": {"replicas": 1}}))?;
    watch.see(POD_SECONDS, "MODIFIED", |it| number(it, "/status/readyReplicas") == 1).await.context("scaled")?;
    let condition = json!([{"type": "StatusUpdate", "status": "True", "reason": "Patched", "message": ""}]);
    all.strategic("life/status", json!({"status": {"conditions": condition}})).await.context("status patch")?;
    all.edit("life", |it| it["spec"]["template"]["metadata"]["labels"]["updated"] = json!("yes")).await?;
    rolled_out(&all, "life", 1).await.context("updated")?;
    let found = ctx.everywhere("apps/v1", "deployments").labelled(&selector).await?;
    ensure!(found.len() == 1, "the list over all namespaces has {}", found.len());
    all.delete_collection(&selector).await?;
    watch.see(60, "DELETED", |it| name_of(it) == "life").await.map(drop)
}

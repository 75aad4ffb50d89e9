//! ReplicaSets: replacing, patching, deleting by label, serving.

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::super::collection::name_of;
use super::super::ctx::Ctx;
use super::super::expect::is;
use super::super::pods;
use super::super::wait::until;
use super::checks;
use super::deployments::{all_ready, body};

checks! {
    "rs-replace-patch" => replace_and_patch;
    "rs-list-delcol" => delete_collection;
    "rs-serve-image" => serve, ("apps/v1", "replicasets");
    "rc-serve-image" => serve, ("v1", "replicationcontrollers");
}

async fn replace_and_patch(ctx: &Ctx) -> Result<()> {
    let sets = ctx.here("apps/v1", "replicasets");
    sets.create(body(ctx, "set", 1)).await?;
    all_ready(&sets, "set", 1).await?;
    let mut scale = sets.get("set/scale").await?;
    scale["spec"]["replicas"] = json!(2);
    sets.update("set/scale", &scale).await.context("update the scale")?;
    all_ready(&sets, "set", 2).await?;
    let image = ctx.nginx();
    let containers = json!([{"name": "main", "image": image, "command": null}]);
    let template = json!({"spec": {"containers": containers}});
    let patch = json!({"metadata": {"labels": {"patched": "yes"}}, "spec": {"replicas": 3, "template": template}});
    sets.strategic("set", patch).await.context("patch")?;
    let found = all_ready(&sets, "set", 3).await?;
    is(&found, "/metadata/labels/patched", "yes")?;
    is(&found, "/spec/template/spec/containers/0/image", image.clone())?;
    let new = ctx.pods().labelled("app=set").await?;
    ensure!(new.iter().any(|pod| pod["spec"]["containers"][0]["image"] == image), "no Pod has the patched image");
    Ok(())
}

async fn delete_collection(ctx: &Ctx) -> Result<()> {
    let sets = ctx.here("apps/v1", "replicasets");
    let selector = format!("conformance={}", ctx.tag);
    sets.create(body(ctx, "set", 3)).await?;
    all_ready(&sets, "set", 3).await?;
    let found = ctx.everywhere("apps/v1", "replicasets").labelled(&selector).await?;
    ensure!(found.len() == 1 && name_of(&found[0]) == "set", "the list has {} ReplicaSets", found.len());
    sets.delete_collection(&selector).await?;
    sets.none_left(60, &selector).await
}

/// Every replica answers with its own name, through the API server's proxy.
async fn serve(ctx: &Ctx, (group_version, plural): (&str, &str)) -> Result<()> {
    let objects = ctx.here(group_version, plural);
    let mut wanted = body(ctx, "serve", 2);
    let web = pods::web(ctx, "");
    wanted["spec"]["template"]["spec"] = web["spec"].clone();
    if plural == "replicationcontrollers" {
        wanted["spec"]["selector"] = json!({"app": "serve"});
    }
    objects.create(wanted).await?;
    all_ready(&objects, "serve", 2).await?;
    for pod in ctx.pods().labelled("app=serve").await? {
        let name = name_of(&pod).to_owned();
        let path = format!("{}/{name}:80/proxy/hostname", ctx.pods().path);
        until(60, "the replica to answer", async || {
            let answer = ctx.api.ask("GET", &path).header("accept", "*/*").done().await?.text();
            ensure!(answer.trim() == name, "{name} answers {answer:?}");
            Ok(())
        })
        .await?;
    }
    Ok(())
}

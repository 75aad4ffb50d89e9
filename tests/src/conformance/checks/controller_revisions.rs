//! ControllerRevisions of a DaemonSet: owned, numbered, changed like any other object.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::collection::name_of;
use super::super::ctx::Ctx;
use super::super::expect::is;
use super::super::wait::until;
use super::checks;
use super::daemon_sets::{all, body, every_node, runs_on};
use super::deployments::change_template;

checks! {
    "controllerrev-lifecycle" => life;
}

async fn life(ctx: &Ctx) -> Result<()> {
    let nodes = every_node(ctx).await?;
    let made = all(ctx).create(body(ctx, "ds")).await?;
    runs_on(ctx, "ds", &nodes).await?;
    let revisions = ctx.here("apps/v1", "controllerrevisions");
    let listed = ctx.everywhere("apps/v1", "controllerrevisions").labelled(&format!("conformance={}", ctx.tag)).await?;
    ensure!(listed.len() == 1, "there are {} revisions, expected 1", listed.len());
    let first = &listed[0];
    is(first, "/metadata/ownerReferences/0/uid", made["metadata"]["uid"].clone())?;
    let name = name_of(first).to_owned();
    is(&revisions.get(&name).await?, "/revision", 1)?;
    let patch = json!({"metadata": {"labels": {"patched": "yes"}}});
    is(&revisions.strategic(&name, patch).await?, "/metadata/labels/patched", "yes")?;
    // One that the check makes, with the data of the first and the next number.
    let labels = json!({"app": "ds", "controller-revision-hash": "made-by-hand"});
    let owners = first["metadata"]["ownerReferences"].clone();
    let metadata = json!({"name": "made-by-hand", "labels": labels, "ownerReferences": owners});
    revisions.create(json!({"metadata": metadata, "data": first["data"], "revision": 2})).await.context("create")?;
    revisions.delete(&name).await.context("delete")?;
    let one = async |wanted: &str| {
        until(60, &format!("one revision, {wanted}"), async || {
            let left: Vec<Value> = revisions.labelled("app=ds").await?;
            ensure!(left.len() == 1, "there are {}", left.len());
            Ok(left[0].clone())
        })
        .await
    };
    let second = one("after the first was deleted").await?;
    revisions
        .edit(name_of(&second), |it| it["metadata"]["labels"]["updated"] = json!("yes"))
        .await
        .context("update")?;
    let found = revisions.labelled("updated=yes").await?;
    ensure!(found.len() == 1, "the list by the new label has {}", found.len());
    change_template(&all(ctx), "ds", "1").await?;
    runs_on(ctx, "ds", &nodes).await?;
    until(60, "a revision of the new template", async || {
        let left = revisions.labelled("app=ds").await?;
        ensure!(left.len() == 2, "there are {} revisions", left.len());
        Ok(())
    })
    .await?;
    revisions.delete_collection("updated=yes").await.context("deletecollection")?;
    let last = one("after deletecollection").await?;
    is(&last, "/revision", 3)
}

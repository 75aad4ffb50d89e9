//! Lists in pages, tables where there are none, and rules about single objects that the API alone holds.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::api::refused;
use super::super::collection::{Collection, items, name_of};
use super::super::ctx::Ctx;
use super::super::expect::{has, is};
use super::super::pods;
use super::checks;

checks! {
    "chunk-pages" => pages;
    "table-406" => no_table;
    "cm-empty-key" => empty_key, "configmaps";
    "secret-empty-key" => empty_key, "secrets";
    "cm-immutable" => immutable, "configmaps";
    "secret-immutable" => immutable, "secrets";
    "cm-update" => config_map_update;
    "secret-patch" => secret_patch;
    "pt-replace" => pod_template_replace;
    "pod-qos" => quality_of_service;
    "rtc-deleted" => deleted_runtime_class;
}

async fn pages(ctx: &Ctx) -> Result<()> {
    const OBJECTS: usize = 40;
    const LIMIT: usize = 17;
    let templates = ctx.here("v1", "podtemplates");
    for at in 0..OBJECTS {
        let spec = json!({"containers": [{"name": "c", "image": "busybox"}]});
        templates
            .create(json!({"metadata": {"name": format!("template-{at:04}")}, "template": {"spec": spec}}))
            .await?;
    }
    let (mut seen, mut token, mut revision) = (Vec::new(), String::new(), Value::Null);
    loop {
        let page = templates.list(&format!("limit={LIMIT}&continue={token}")).await?;
        let meta = &page["metadata"];
        let found = items(&page);
        ensure!(found.len() <= LIMIT, "a page has {} items, the limit is {LIMIT}", found.len());
        seen.extend(found.iter().map(|item| name_of(item).to_owned()));
        if !revision.is_null() {
            ensure!(
                meta["resourceVersion"] == revision,
                "a page is of {}, the first of {revision}",
                meta["resourceVersion"]
            );
        }
        revision = meta["resourceVersion"].clone();
        let rest = OBJECTS.saturating_sub(seen.len());
        match meta["continue"].as_str().filter(|text| !text.is_empty()) {
            Some(next) => {
                is(&page, "/metadata/remainingItemCount", rest)?;
                token = super::super::api::escaped(next);
            }
            None => break,
        }
    }
    let wanted: Vec<String> = (0..OBJECTS).map(|at| format!("template-{at:04}")).collect();
    ensure!(seen == wanted, "the pages have {seen:?}");
    let whole = items(&templates.list(&format!("resourceVersion={}", revision.as_str().unwrap_or_default())).await?);
    ensure!(whole.len() == OBJECTS, "a list without limit has {} items", whole.len());
    Ok(())
}

async fn no_table(ctx: &Ctx) -> Result<()> {
    let body = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {
        "resourceAttributes": {"namespace": ctx.ns, "verb": "get", "resource": "pods"},
    }});
    let ask = ctx.api.ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews").json(&body);
    let answer = ask.header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io").done().await;
    let refused = refused(answer, 406)?;
    ensure!(refused.reason == "NotAcceptable", "the reason is {:?}", refused.reason);
    Ok(())
}

async fn empty_key(ctx: &Ctx, plural: &str) -> Result<()> {
    let objects = ctx.here("v1", plural);
    let made = objects.create(json!({"metadata": {"name": "empty-key"}, "data": {"": "dmFsdWU="}})).await;
    refused(made, 422).map(drop)
}

async fn immutable(ctx: &Ctx, plural: &str) -> Result<()> {
    let objects = ctx.here("v1", plural);
    let (one, two) = ("b25l", "dHdv");
    objects.create(json!({"metadata": {"name": "fixed"}, "data": {"key": one}})).await?;
    objects.merge("fixed", json!({"data": {"key": two}})).await.context("a change before it is immutable")?;
    objects.merge("fixed", json!({"immutable": true})).await?;
    refused(objects.merge("fixed", json!({"data": {"key": one}})).await, 422).context("a change of data")?;
    refused(objects.merge("fixed", json!({"data": {"another": one}})).await, 422).context("more data")?;
    refused(objects.merge("fixed", json!({"immutable": false})).await, 422).context("no longer immutable")?;
    refused(objects.merge("fixed", json!({"immutable": null})).await, 422).context("the field taken out")?;
    objects.merge("fixed", json!({"metadata": {"labels": {"a": "b"}}})).await.context("a change of metadata")?;
    let found = objects.get("fixed").await?;
    has(&found, &json!({"immutable": true, "data": {"key": two}, "metadata": {"labels": {"a": "b"}}}))?;
    objects.delete("fixed").await.context("delete")?;
    objects.gone(20, "fixed").await
}

async fn config_map_update(ctx: &Ctx) -> Result<()> {
    let maps = ctx.config_maps();
    maps.create(json!({"metadata": {"name": "map"}, "data": {"data-1": "value-1"}})).await?;
    maps.edit("map", |map| map["data"] = json!({"data-2": "value-2"})).await?;
    let found = maps.get("map").await?;
    is(&found, "/data", json!({"data-2": "value-2"}))
}

async fn secret_patch(ctx: &Ctx) -> Result<()> {
    let secrets = ctx.here("v1", "secrets");
    let labels = json!({"testsecret-constant": ctx.tag});
    secrets.create(json!({"metadata": {"name": "secret", "labels": labels}, "data": {"key": "dmFsdWU="}})).await?;
    let selector = format!("testsecret-constant={}", ctx.tag);
    let all = ctx.everywhere("v1", "secrets").labelled(&selector).await?;
    ensure!(all.len() == 1 && name_of(&all[0]) == "secret", "the list over all namespaces has {}", all.len());
    let patch = json!({"metadata": {"labels": {"testsecret": "true"}}, "data": {"key": "dmFsdWUx"}});
    secrets.strategic("secret", patch.clone()).await?;
    has(&secrets.get("secret").await?, &patch)?;
    secrets.delete_collection("testsecret=true").await?;
    let left: &Collection = &ctx.everywhere("v1", "secrets");
    left.none_left(30, &selector).await
}

async fn pod_template_replace(ctx: &Ctx) -> Result<()> {
    let templates = ctx.here("v1", "podtemplates");
    let spec = json!({"containers": [{"name": "nginx", "image": "nginx"}]});
    templates.create(json!({"metadata": {"name": "template"}, "template": {"spec": spec}})).await?;
    templates.edit("template", |it| it["metadata"]["annotations"] = json!({"updated": "true"})).await?;
    is(&templates.get("template").await?, "/metadata/annotations/updated", "true")
}

async fn quality_of_service(ctx: &Ctx) -> Result<()> {
    let amounts = json!({"cpu": "100m", "memory": "100Mi"});
    let pod = pods::with(pods::idle(ctx, "guaranteed"), json!({"resources": {"requests": amounts, "limits": amounts}}));
    let made = ctx.pods().create(pod).await?;
    is(&made, "/status/qosClass", "Guaranteed")?;
    is(&ctx.pods().get("guaranteed").await?, "/status/qosClass", "Guaranteed")
}

async fn deleted_runtime_class(ctx: &Ctx) -> Result<()> {
    let classes = ctx.everywhere("node.k8s.io/v1", "runtimeclasses");
    let name = ctx.unique("class");
    ctx.create_outside(&classes, json!({"metadata": {"name": name}, "handler": "conformance"})).await?;
    let pod = |at: &str| pods::with_spec(pods::idle(ctx, at), json!({"runtimeClassName": name}));
    ctx.pods().create(pod("with")).await.context("a Pod while the class is there")?;
    classes.delete(&name).await?;
    classes.gone(20, &name).await?;
    // Admission reads a cache, which may be a moment behind.
    super::super::wait::until(20, "a Pod with the deleted class to be refused", async || {
        let again = ctx.pods().create_with(pod("without"), "dryRun=All").await;
        refused(again, 403).map(drop)
    })
    .await
}

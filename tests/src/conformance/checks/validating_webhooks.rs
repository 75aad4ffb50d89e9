//! Webhooks that refuse: objects, connections, definitions; and those that cannot be called.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::super::api::{Refused, refused};
use super::super::collection::{Collection, name_of, names};
use super::super::ctx::Ctx;
use super::super::expect::contains;
use super::super::hook::{Asked, Hook, Reply};
use super::super::hook_reviews::{allow, cluster_webhook, configuration, deny, rule, webhook};
use super::super::pods;
use super::super::wait::until;
use super::{checks, custom_resources};

checks! {
    "wh-list-validating" => list;
    "wh-update-validating" => update;
    "wh-deny-attach" => attach;
    "wh-deny-cr" => custom_objects;
    "wh-deny-pod-cm" => pods_and_maps;
    "wh-deny-crd" => definitions;
    "wh-fail-closed" => fail_closed;
}

pub const CONFIG_MAPS: (&str, &str) = ("", "v1");

pub fn configurations(ctx: &Ctx) -> Collection {
    ctx.everywhere("admissionregistration.k8s.io/v1", "validatingwebhookconfigurations")
}

/// Refuses what is called bad or has bad data.
fn no_bad_ones(asked: &Asked) -> Reply {
    let object = &asked.body["request"]["object"];
    let bad = object["data"]["content"] == "bad" || object["metadata"]["labels"]["content"] == "bad";
    if bad { deny(asked, "the check's webhook refuses this") } else { allow(asked) }
}

fn map(name: &str, content: &str) -> Value {
    json!({"metadata": {"name": name}, "data": {"content": content}})
}

/// A dry run of a create is refused by the webhook.
pub async fn denied(objects: &Collection, body: &Value, message: &str) -> Result<Refused> {
    until(30, "the webhook to refuse", async || match objects.create_with(body.clone(), "dryRun=All").await {
        Ok(_) => bail!("it was accepted"),
        Err(error) => {
            let refused: Refused = error.downcast()?;
            contains(&refused.message, message)?;
            Ok(refused)
        }
    })
    .await
}

/// A dry run of a create is accepted.
async fn admitted(objects: &Collection, body: &Value) -> Result<()> {
    until(30, "no webhook to refuse", async || objects.create_with(body.clone(), "dryRun=All").await).await.map(drop)
}

async fn list(ctx: &Ctx) -> Result<()> {
    let hook = Hook::serve(ctx, no_bad_ones).await?;
    let selector = format!("conformance={}", ctx.tag);
    for at in 0..10 {
        let rules = json!([rule(CONFIG_MAPS, &["configmaps"], &["CREATE"])]);
        let mut body = configuration(&ctx.unique(&format!("list-{at}")), json!([webhook(ctx, &hook, "/bad", rules)]));
        body["metadata"]["labels"] = json!({"conformance": ctx.tag});
        ctx.create_outside(&configurations(ctx), body).await?;
    }
    let found = names(&configurations(ctx).labelled(&selector).await?);
    ensure!(found.len() == 10, "the list has {found:?}");
    denied(&ctx.config_maps(), &map("bad", "bad"), "the check's webhook refuses this").await?;
    configurations(ctx).delete_collection(&selector).await?;
    configurations(ctx).none_left(20, &selector).await?;
    admitted(&ctx.config_maps(), &map("bad", "bad")).await.context("after deletecollection")
}

async fn update(ctx: &Ctx) -> Result<()> {
    let hook = Hook::serve(ctx, no_bad_ones).await?;
    let rules = json!([rule(CONFIG_MAPS, &["configmaps"], &["CREATE", "UPDATE"])]);
    let name = ctx.unique("update");
    let body = configuration(&name, json!([webhook(ctx, &hook, "/bad", rules)]));
    ctx.create_outside(&configurations(ctx), body).await?;
    denied(&ctx.config_maps(), &map("bad", "bad"), "refuses this").await?;
    configurations(ctx).edit(&name, |it| it["webhooks"][0]["rules"][0]["operations"] = json!(["UPDATE"])).await?;
    admitted(&ctx.config_maps(), &map("bad", "bad")).await.context("after CREATE was taken out")?;
    let back = json!([{"op": "replace", "path": "/webhooks/0/rules/0/operations", "value": ["CREATE"]}]);
    configurations(ctx).json_patch(&name, back).await?;
    denied(&ctx.config_maps(), &map("bad", "bad"), "refuses this").await.context("after CREATE came back").map(drop)
}

async fn attach(ctx: &Ctx) -> Result<()> {
    let hook = Hook::serve(ctx, |asked| deny(asked, "attaching is refused by the check's webhook")).await?;
    let rules = json!([rule(("", "v1"), &["pods/attach"], &["CONNECT"])]);
    let body = configuration(&ctx.unique("attach"), json!([webhook(ctx, &hook, "/attach", rules)]));
    ctx.create_outside(&configurations(ctx), body).await?;
    pods::started(ctx, pods::idle(ctx, "pod")).await?;
    until(30, "attaching to be refused", async || {
        let (code, _, err) = ctx.try_kubectl(&["attach", "pod", "-c", "main", "-i"], "").await?;
        ensure!(code != 0, "kubectl attach ended with 0");
        contains(&err, "attaching is refused by the check's webhook")
    })
    .await
}

async fn custom_objects(ctx: &Ctx) -> Result<()> {
    let hook = Hook::serve(ctx, |asked| {
        let request = &asked.body["request"];
        let bad = request["object"]["data"]["content"] == "bad";
        let kept = request["operation"] == "DELETE" && request["oldObject"]["data"]["keep"] == "yes";
        if bad || kept { deny(asked, "the check's webhook refuses this") } else { allow(asked) }
    });
    let hook = hook.await?;
    let widgets = custom_resources::install(ctx, custom_resources::plain(ctx, "Widget")).await?;
    let group = custom_resources::group(ctx);
    let rules = json!([rule((&group, "v1"), &["widgets"], &["CREATE", "UPDATE", "DELETE"])]);
    let body = configuration(&ctx.unique("custom"), json!([webhook(ctx, &hook, "/custom", rules)]));
    ctx.create_outside(&configurations(ctx), body).await?;
    denied(&widgets, &map("bad", "bad"), "refuses this").await.context("create")?;
    widgets.create(json!({"metadata": {"name": "good"}, "data": {"keep": "yes"}})).await.context("a good one")?;
    let result = widgets.merge("good", json!({"data": {"content": "bad"}})).await;
    contains(&refused(result, 400)?.message, "refuses this").context("update")?;
    contains(&refused(widgets.delete("good").await, 400)?.message, "refuses this").context("delete")?;
    widgets.merge("good", json!({"data": {"keep": "no"}})).await?;
    widgets.delete("good").await.context("delete without the field").map(drop)
}

async fn pods_and_maps(ctx: &Ctx) -> Result<()> {
    let hook = Hook::serve(ctx, |asked| {
        let mut reply = no_bad_ones(asked);
        if asked.body["request"]["object"]["metadata"]["labels"]["content"] == "slow" {
            reply.after = std::time::Duration::from_secs(30);
        }
        reply
    });
    let hook = hook.await?;
    let exempt = ctx.another_namespace("exempt", json!({})).await?;
    let rules = json!([rule(("", "v1"), &["pods", "configmaps"], &["CREATE", "UPDATE"])]);
    let mut called = webhook(ctx, &hook, "/bad", rules);
    called["timeoutSeconds"] = json!(5);
    ctx.create_outside(&configurations(ctx), configuration(&ctx.unique("deny"), json!([called]))).await?;
    let maps = ctx.config_maps();
    denied(&maps, &map("bad", "bad"), "refuses this").await.context("create of a ConfigMap")?;
    let pod = |content: &str| {
        let mut pod = pods::idle(ctx, content);
        pod["metadata"]["labels"]["content"] = json!(content);
        pod
    };
    let result = ctx.pods().create(pod("bad")).await;
    contains(&refused(result, 400)?.message, "refuses this").context("create of a Pod")?;
    let slow = ctx.pods().create(pod("slow")).await;
    let told = refused(slow, 500)?.message;
    ensure!(
        told.contains("deadline") || told.contains("timed out") || told.contains("timeout"),
        "a slow webhook: {told:?}"
    );
    refused(ctx.pods().get("slow").await, 404).context("a Pod whose webhook was too slow")?;
    maps.create(map("good", "good")).await.context("a good ConfigMap")?;
    let updated = maps.update("good", &map("good", "bad")).await;
    contains(&refused(updated, 400)?.message, "refuses this").context("update")?;
    let patched = maps.merge("good", json!({"data": {"content": "bad"}})).await;
    contains(&refused(patched, 400)?.message, "refuses this").context("patch")?;
    ctx.inside(&exempt, "v1", "configmaps").create(map("bad", "bad")).await.context("in an exempt namespace").map(drop)
}

async fn definitions(ctx: &Ctx) -> Result<()> {
    let hook = Hook::serve(ctx, |asked| deny(asked, "definitions are refused by the check's webhook")).await?;
    let rules = json!([rule(("apiextensions.k8s.io", "*"), &["customresourcedefinitions"], &["CREATE"])]);
    let body = configuration(&ctx.unique("definitions"), json!([cluster_webhook(ctx, &hook, "/definitions", rules)]));
    ctx.create_outside(&configurations(ctx), body).await?;
    let mut definition = custom_resources::plain(ctx, "Widget");
    definition["metadata"]["labels"] = json!({"conformance": ctx.tag});
    let all = custom_resources::definitions(ctx);
    denied(&all, &definition, "definitions are refused by the check's webhook").await?;
    let made = ctx.create_outside(&all, definition.clone()).await;
    contains(&refused(made, 400)?.message, "definitions are refused by the check's webhook")?;
    refused(all.get(name_of(&definition)).await, 404).map(drop)
}

/// A server whose certificate nobody can trust.
async fn fail_closed(ctx: &Ctx) -> Result<()> {
    let hook = Hook::serve(ctx, allow).await?;
    let mut called = webhook(ctx, &hook, "/closed", json!([rule(CONFIG_MAPS, &["configmaps"], &["CREATE"])]));
    called["clientConfig"]["caBundle"] = Value::Null;
    ctx.create_outside(&configurations(ctx), configuration(&ctx.unique("closed"), json!([called]))).await?;
    let refused = denied(&ctx.config_maps(), &map("any", "good"), "failed calling webhook").await?;
    ensure!(
        refused.code == 500 && refused.reason == "InternalError",
        "it was answered {} {}",
        refused.code,
        refused.reason
    );
    Ok(())
}

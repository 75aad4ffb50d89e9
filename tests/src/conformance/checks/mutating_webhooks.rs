//! Webhooks that change what is written: in order, before defaults and storage, also of custom resources.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::collection::Collection;
use super::super::ctx::Ctx;
use super::super::expect::is;
use super::super::hook::Hook;
use super::super::hook_reviews::{add_key, allow, configuration, mutate, rule, webhook};
use super::super::pods;
use super::super::wait::until;
use super::validating_webhooks::CONFIG_MAPS;
use super::{checks, custom_resources};

checks! {
    "wh-update-mutating" => update;
    "wh-order-mutate" => order;
    "wh-mutate-cr" => custom_object;
    "wh-mutate-cr-stored" => stored_version;
    "wh-mutate-skipme" => skip_me;
    "wh-mutate-pod-default" => defaults_after;
}

pub fn configurations(ctx: &Ctx) -> Collection {
    ctx.everywhere("admissionregistration.k8s.io/v1", "mutatingwebhookconfigurations")
}

fn map(name: &str) -> Value {
    json!({"metadata": {"name": name}, "data": {"start": "yes"}})
}

/// What a dry run of a create gives at a JSON pointer, once it is as wanted.
pub async fn becomes(objects: &Collection, body: &Value, pointer: &str, wanted: Value) -> Result<Value> {
    until(30, "webhooks to be as configured", async || {
        let made = objects.create_with(body.clone(), "dryRun=All").await?;
        is(&made, pointer, wanted.clone())?;
        Ok(made)
    })
    .await
}

async fn update(ctx: &Ctx) -> Result<()> {
    let hook = Hook::serve(ctx, |asked| add_key(asked, "mutated")).await?;
    let rules = json!([rule(CONFIG_MAPS, &["configmaps"], &["CREATE", "UPDATE"])]);
    let name = ctx.unique("update");
    let body = configuration(&name, json!([webhook(ctx, &hook, "/add", rules)]));
    ctx.create_outside(&configurations(ctx), body).await?;
    let maps = ctx.config_maps();
    becomes(&maps, &map("map"), "/data/mutated", json!("value")).await.context("at first")?;
    configurations(ctx).edit(&name, |it| it["webhooks"][0]["rules"][0]["operations"] = json!(["UPDATE"])).await?;
    becomes(&maps, &map("map"), "/data/mutated", Value::Null).await.context("after CREATE was taken out")?;
    let back = json!([{"op": "replace", "path": "/webhooks/0/rules/0/operations", "value": ["CREATE"]}]);
    configurations(ctx).json_patch(&name, back).await?;
    becomes(&maps, &map("map"), "/data/mutated", json!("value")).await.context("after CREATE came back")?;
    maps.create(map("map")).await?;
    is(&maps.get("map").await?, "/data/mutated", "value")
}

/// The second adds its key only when it sees the first one's.
async fn order(ctx: &Ctx) -> Result<()> {
    let hook = Hook::serve(ctx, |asked| {
        let data = &asked.body["request"]["object"]["data"];
        let (needed, key) =
            if asked.path.starts_with("/first") { ("start", "stage-1") } else { ("stage-1", "stage-2") };
        if data[needed].is_string() { add_key(asked, key) } else { allow(asked) }
    });
    let hook = hook.await?;
    let rules = json!([rule(CONFIG_MAPS, &["configmaps"], &["CREATE"])]);
    let webhooks = json!([webhook(ctx, &hook, "/first", rules.clone()), webhook(ctx, &hook, "/second", rules)]);
    ctx.create_outside(&configurations(ctx), configuration(&ctx.unique("order"), webhooks)).await?;
    let maps = ctx.config_maps();
    becomes(&maps, &map("map"), "/data/stage-2", json!("value")).await?;
    maps.create(map("map")).await?;
    is(&maps.get("map").await?, "/data", json!({"start": "yes", "stage-1": "value", "stage-2": "value"}))
}

async fn custom_object(ctx: &Ctx) -> Result<()> {
    let hook = Hook::serve(ctx, |asked| add_key(asked, "mutated")).await?;
    let widgets = custom_resources::install(ctx, custom_resources::plain(ctx, "Widget")).await?;
    let rules = json!([rule((&custom_resources::group(ctx), "v1"), &["widgets"], &["CREATE"])]);
    let body = configuration(&ctx.unique("custom"), json!([webhook(ctx, &hook, "/add", rules)]));
    ctx.create_outside(&configurations(ctx), body).await?;
    becomes(&widgets, &map("widget"), "/data/mutated", json!("value")).await?;
    widgets.create(map("widget")).await?;
    is(&widgets.get("widget").await?, "/data", json!({"start": "yes", "mutated": "value"}))
}

async fn stored_version(ctx: &Ctx) -> Result<()> {
    let hook = Hook::serve(ctx, |asked| add_key(asked, "mutated")).await?;
    let version = |name: &str, storage: bool| custom_resources::version(name, storage, custom_resources::anything());
    let definition = custom_resources::definition(ctx, "Widget", json!([version("v1", true), version("v2", false)]));
    let name = super::super::collection::name_of(&definition).to_owned();
    let widgets = custom_resources::install(ctx, definition).await?;
    let rules = json!([rule((&custom_resources::group(ctx), "*"), &["widgets"], &["CREATE", "UPDATE"])]);
    let body = configuration(&ctx.unique("stored"), json!([webhook(ctx, &hook, "/add", rules)]));
    ctx.create_outside(&configurations(ctx), body).await?;
    becomes(&widgets, &map("widget"), "/data/mutated", json!("value")).await?;
    widgets.create(map("widget")).await?;
    let switch = json!([
        {"op": "replace", "path": "/spec/versions/0/storage", "value": false},
        {"op": "replace", "path": "/spec/versions/1/storage", "value": true},
    ]);
    custom_resources::definitions(ctx).json_patch(&name, switch).await.context("store v2")?;
    let patched =
        until(30, "a patch after the switch", async || widgets.merge("widget", json!({"data": {"more": "yes"}})).await);
    is(&patched.await?, "/data", json!({"start": "yes", "mutated": "value", "more": "yes"}))?;
    is(&widgets.get("widget").await?, "/data/more", "yes")
}

async fn skip_me(ctx: &Ctx) -> Result<()> {
    let hook = Hook::serve(ctx, |asked| add_key(asked, "mutated")).await?;
    let mut called = webhook(ctx, &hook, "/add", json!([rule(CONFIG_MAPS, &["configmaps"], &["CREATE"])]));
    called["matchConditions"] = json!([{"name": "skip-me", "expression": "object.metadata.name != 'skip-me'"}]);
    ctx.create_outside(&configurations(ctx), configuration(&ctx.unique("skip"), json!([called]))).await?;
    let maps = ctx.config_maps();
    becomes(&maps, &map("mutate-me"), "/data/mutated", json!("value")).await?;
    maps.create(map("skip-me")).await?;
    maps.create(map("mutate-me")).await?;
    is(&maps.get("skip-me").await?, "/data", json!({"start": "yes"})).context("the one to skip")?;
    is(&maps.get("mutate-me").await?, "/data/mutated", "value").context("another")
}

async fn defaults_after(ctx: &Ctx) -> Result<()> {
    let container = json!({"name": "added", "image": ctx.busybox(), "command": ["true"]});
    let hook = Hook::serve(ctx, move |asked| {
        mutate(asked, &json!([{"op": "add", "path": "/spec/initContainers", "value": [container]}]))
    });
    let hook = hook.await?;
    let rules = json!([rule(("", "v1"), &["pods"], &["CREATE"])]);
    let body = configuration(&ctx.unique("pods"), json!([webhook(ctx, &hook, "/pods", rules)]));
    ctx.create_outside(&configurations(ctx), body).await?;
    let pod = pods::idle(ctx, "pod");
    becomes(&ctx.pods(), &pod, "/spec/initContainers/0/name", json!("added")).await?;
    let made = ctx.pods().create(pod).await?;
    let init = made["spec"]["initContainers"].as_array().context("init containers")?;
    ensure!(init.len() == 1, "there are {} init containers", init.len());
    is(&init[0], "/name", "added")?;
    is(&init[0], "/terminationMessagePolicy", "File")?;
    is(&init[0], "/terminationMessagePath", "/dev/termination-log")
}

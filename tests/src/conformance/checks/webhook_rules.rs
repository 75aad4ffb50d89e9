//! Webhook configurations as objects: their match conditions, and that no webhook is asked about them.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::super::api::refused;
use super::super::ctx::Ctx;
use super::super::expect::{contains, is};
use super::super::hook::Hook;
use super::super::hook_reviews::{cluster_webhook, configuration, deny, mutate, rule, webhook};
use super::checks;
use super::mutating_webhooks::{becomes, configurations};
use super::validating_webhooks::{self, CONFIG_MAPS};

checks! {
    "wh-match-mutating-crud" => conditions_stay;
    "wh-match-mutating-bad" => bad_conditions;
    "wh-self-exempt" => exempt;
}

/// A webhook that nothing calls: its server is elsewhere and it matches nothing.
fn unused(ctx: &Ctx, conditions: Value) -> Value {
    json!([{
        "name": format!("unused.{}.example.com", ctx.tag), "clientConfig": {"url": "https://192.0.2.1/none"},
        "rules": [rule(("none.example.com", "v1"), &["none"], &["CREATE"])], "admissionReviewVersions": ["v1"],
        "sideEffects": "None", "failurePolicy": "Ignore", "matchConditions": conditions,
    }])
}

async fn conditions_stay(ctx: &Ctx) -> Result<()> {
    let name = ctx.unique("conditions");
    let one = json!([{"name": "one", "expression": "object.metadata.namespace == 'production'"}]);
    let two = json!([
        {"name": "one", "expression": "object.metadata.namespace == 'staging'"},
        {"name": "two", "expression": "request.operation == 'CREATE'"},
    ]);
    let body = configuration(&name, unused(ctx, one.clone()));
    is(&ctx.create_outside(&configurations(ctx), body).await?, "/webhooks/0/matchConditions", one.clone())?;
    is(&configurations(ctx).get(&name).await?, "/webhooks/0/matchConditions", one).context("after create")?;
    configurations(ctx).edit(&name, |it| it["webhooks"][0]["matchConditions"] = two.clone()).await?;
    is(&configurations(ctx).get(&name).await?, "/webhooks/0/matchConditions", two).context("after update")
}

async fn bad_conditions(ctx: &Ctx) -> Result<()> {
    let conditions = json!([{"name": "bad", "expression": "... [] bad expression"}]);
    let body = configuration(&ctx.unique("bad"), unused(ctx, conditions));
    let made = ctx.create_outside(&configurations(ctx), body).await;
    contains(&refused(made, 422)?.message, "compilation failed")
}

/// Both sorts of webhooks match configurations and ConfigMaps; only for ConfigMaps are they asked.
async fn exempt(ctx: &Ctx) -> Result<()> {
    let hook = Hook::serve(ctx, |asked| match asked.path.starts_with("/deny") {
        true => deny(asked, "deletions are refused by the check's webhook"),
        false => mutate(asked, &json!([{"op": "add", "path": "/metadata/labels/mutated", "value": "yes"}])),
    });
    let hook = hook.await?;
    let resources = ["validatingwebhookconfigurations", "mutatingwebhookconfigurations"];
    let own = rule(("admissionregistration.k8s.io", "*"), &resources, &["*"]);
    let mut denying = cluster_webhook(ctx, &hook, "/deny", json!([own]));
    denying["rules"][0]["operations"] = json!(["DELETE"]);
    let mut changing =
        cluster_webhook(ctx, &hook, "/change", json!([own, rule(CONFIG_MAPS, &["configmaps"], &["CREATE"])]));
    changing["rules"][0]["operations"] = json!(["CREATE"]);
    let denying = configuration(&ctx.unique("denying"), json!([denying]));
    ctx.create_outside(&validating_webhooks::configurations(ctx), denying).await?;
    let changing = configuration(&ctx.unique("changing"), json!([changing]));
    ctx.create_outside(&configurations(ctx), changing).await?;
    let labels = json!({"conformance": ctx.tag});
    let map = json!({"metadata": {"name": "map", "labels": labels}});
    becomes(&ctx.config_maps(), &map, "/metadata/labels/mutated", json!("yes"))
        .await
        .context("the webhook is asked")?;
    let rules = json!([rule(("none.example.com", "v1"), &["none"], &["CREATE"])]);
    for all in [configurations(ctx), validating_webhooks::configurations(ctx)] {
        let name = ctx.unique("dummy");
        let mut body = configuration(&name, json!([webhook(ctx, &hook, "/none", rules.clone())]));
        body["metadata"]["labels"] = labels.clone();
        let made = ctx.create_outside(&all, body).await.context("create a configuration")?;
        is(&made, "/metadata/labels", labels.clone()).context("an object no webhook may change")?;
        all.delete(&name).await.context("delete a configuration")?;
        all.gone(20, &name).await?;
    }
    Ok(())
}

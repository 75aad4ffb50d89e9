//! `fieldValidation=Strict`: unknown and duplicate fields of built-in and custom objects are refused by name.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::super::api::{APPLY, refused};
use super::super::collection::Collection;
use super::super::ctx::Ctx;
use super::super::expect::{contains, has};
use super::checks;
use super::custom_resources::{anything, definition, install, version};

checks! {
    "fv-cr-noschema" => schemaless;
    "fv-cr-valid" => valid;
    "fv-cr-extra" => extra;
    "fv-typed" => typed;
    "fv-cr-meta" => custom_metadata;
    "fv-typed-meta" => typed_metadata;
}

const STRICT: &str = "fieldValidation=Strict";

/// Foo has one string; the rest is not in the schema.
fn schema() -> Value {
    let spec = json!({"type": "object", "properties": {"foo": {"type": "string"}}});
    json!({"type": "object", "properties": {"spec": spec}})
}

async fn apply(objects: &Collection, name: &str, spec: Value) -> Result<Value> {
    let body =
        json!({"apiVersion": objects.group_version, "kind": objects.kind, "metadata": {"name": name}, "spec": spec});
    objects.patch(&format!("{name}?fieldManager=conformance&{STRICT}"), APPLY, &body).await
}

async fn schemaless(ctx: &Ctx) -> Result<()> {
    let objects = install(ctx, definition(ctx, "Widget", json!([version("v1", true, anything())]))).await?;
    let spec = json!({"any": "thing", "deeper": {"field": 1}});
    has(
        &objects.create_with(json!({"metadata": {"name": "made"}, "spec": spec}), STRICT).await?,
        &json!({"spec": spec}),
    )?;
    has(&apply(&objects, "applied", spec.clone()).await.context("apply")?, &json!({"spec": spec}))
}

async fn valid(ctx: &Ctx) -> Result<()> {
    let objects = install(ctx, definition(ctx, "Widget", json!([version("v1", true, schema())]))).await?;
    let spec = json!({"foo": "bar"});
    has(
        &objects.create_with(json!({"metadata": {"name": "made"}, "spec": spec}), STRICT).await?,
        &json!({"spec": spec}),
    )?;
    has(&apply(&objects, "applied", spec.clone()).await.context("apply")?, &json!({"spec": spec}))
}

async fn extra(ctx: &Ctx) -> Result<()> {
    let objects = install(ctx, definition(ctx, "Widget", json!([version("v1", true, schema())]))).await?;
    let spec = json!({"foo": "bar", "unknownField": "unknown"});
    let made = objects.create_with(json!({"metadata": {"name": "made"}, "spec": spec}), STRICT).await;
    contains(&refused(made, 400)?.message, "unknown field \"spec.unknownField\"")?;
    match apply(&objects, "applied", spec).await {
        Ok(_) => anyhow::bail!("an apply with an unknown field was accepted"),
        Err(error) => contains(&format!("{error:#}"), "unknownField").context("apply"),
    }
}

/// POST of a text as it stands, under Strict.
async fn post(objects: &Collection, text: String) -> Result<Value> {
    let path = format!("{}?{STRICT}", objects.path);
    objects.api.ask("POST", &path).body("application/json", text).done().await?.json()
}

const DEPLOYMENT: &str = r#"{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "strict"METADATA},
    "spec": {SPEC"selector": {"matchLabels": {"app": "strict"}}, "template": {"metadata": {"labels": {"app": "strict"}},
    "spec": {"containers": [{"name": "nginx", "image": "nginx"}]}}}}"#;

async fn typed(ctx: &Ctx) -> Result<()> {
    let deployments = ctx.here("apps/v1", "deployments");
    let spec = r#""unknownDeployField": "unknown", "paused": true, "paused": false, "#;
    let text = DEPLOYMENT.replace("METADATA", "").replace("SPEC", spec);
    let message = refused(post(&deployments, text).await, 400)?.message;
    contains(&message, "unknown field \"spec.unknownDeployField\"")?;
    contains(&message, "duplicate field \"spec.paused\"")?;
    refused(deployments.get("strict").await, 404).context("nothing may be stored").map(drop)
}

async fn typed_metadata(ctx: &Ctx) -> Result<()> {
    let deployments = ctx.here("apps/v1", "deployments");
    let text = DEPLOYMENT.replace("METADATA", r#", "unknownMeta": "unknown""#).replace("SPEC", "");
    contains(&refused(post(&deployments, text).await, 400)?.message, "unknown field \"metadata.unknownMeta\"")
}

async fn custom_metadata(ctx: &Ctx) -> Result<()> {
    let properties = json!({"template": {"type": "object", "x-kubernetes-embedded-resource": true, "properties": {
        "apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"},
    }}});
    let spec = json!({"type": "object", "properties": properties});
    let schema = json!({"type": "object", "properties": {"spec": spec}});
    let objects = install(ctx, definition(ctx, "Widget", json!([version("v1", true, schema)]))).await?;
    let embedded =
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "inner", "unknownSubMeta": "unknown"}});
    let body = json!({"metadata": {"name": "made", "unknownMeta": "unknown"}, "spec": {"template": embedded}});
    let message = refused(objects.create_with(body, STRICT).await, 400)?.message;
    contains(&message, "unknown field \"metadata.unknownMeta\"")?;
    contains(&message, "unknown field \"spec.template.metadata.unknownSubMeta\"")
}

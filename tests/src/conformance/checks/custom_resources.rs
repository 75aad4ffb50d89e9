//! Definitions of custom resources: lists, status, defaults, watches of what they define. Other files install definitions from here.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::collection::{Collection, by_label, name_of, names};
use super::super::ctx::Ctx;
use super::super::expect::{condition, has, is};
use super::super::lifecycle;
use super::super::wait::until;
use super::checks;

checks! {
    "crd-cr-watch" => watch_objects;
    "crd-status" => status;
    "crd-list" => list;
    "crd-defaulting" => defaults;
}

/// A group of the check's own.
pub fn group(ctx: &Ctx) -> String {
    format!("{}.example.com", ctx.tag)
}

/// A version with a schema.
pub fn version(name: &str, storage: bool, schema: Value) -> Value {
    json!({"name": name, "served": true, "storage": storage, "schema": {"openAPIV3Schema": schema}})
}

/// Takes everything.
pub fn anything() -> Value {
    json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

/// A definition in a group of the check's own; the plural is the kind in small letters with an s.
pub fn definition(ctx: &Ctx, kind: &str, versions: Value) -> Value {
    definition_in(&group(ctx), kind, versions)
}

pub fn definition_in(group: &str, kind: &str, versions: Value) -> Value {
    let singular = kind.to_lowercase();
    let plural = format!("{singular}s");
    let names = json!({"kind": kind, "listKind": format!("{kind}List"), "plural": plural, "singular": singular});
    let spec = json!({"group": group, "scope": "Namespaced", "names": names, "versions": versions});
    json!({"metadata": {"name": format!("{plural}.{group}")}, "spec": spec})
}

/// One version, v1, that takes everything.
pub fn plain(ctx: &Ctx, kind: &str) -> Value {
    definition(ctx, kind, json!([version("v1", true, anything())]))
}

pub fn definitions(ctx: &Ctx) -> Collection {
    ctx.everywhere("apiextensions.k8s.io/v1", "customresourcedefinitions")
}

/// Creates a definition and waits until its first version answers; gives its objects in the check's namespace.
pub async fn install(ctx: &Ctx, body: Value) -> Result<Collection> {
    let definitions = definitions(ctx);
    let made = ctx.create_outside(&definitions, body).await.context("create the definition")?;
    definitions
        .when(30, name_of(&made), |found| {
            ensure!(condition(found, "Established") == "True", "its conditions are {}", found["status"]["conditions"]);
            Ok(())
        })
        .await?;
    let version = made["spec"]["versions"][0]["name"].as_str().unwrap_or_default();
    let objects = objects(ctx, &made, version);
    until(30, "the custom resource to be served", async || objects.list("").await).await?;
    Ok(objects)
}

/// The objects of a definition at a version, in the check's namespace.
pub fn objects(ctx: &Ctx, definition: &Value, version: &str) -> Collection {
    let text = |pointer: &str| definition.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let group_version = format!("{}/{version}", text("/spec/group"));
    ctx.here(&group_version, text("/spec/names/plural")).of_kind(text("/spec/names/kind"))
}

async fn watch_objects(ctx: &Ctx) -> Result<()> {
    let objects = install(ctx, plain(ctx, "Widget")).await?;
    let mut watches = Vec::new();
    for name in ["a", "b"] {
        watches.push((name, objects.watch(&format!("fieldSelector=metadata.name%3D{name}")).await?));
    }
    for name in ["a", "b"] {
        objects.create(json!({"metadata": {"name": name}, "content": {"value": 1}})).await?;
        objects.merge(name, json!({"content": {"value": 2}})).await?;
        objects.delete(name).await?;
    }
    for (name, watch) in &mut watches {
        let seen = watch.exactly(&[("ADDED", name), ("MODIFIED", name), ("DELETED", name)]).await?;
        is(&seen[0], "/content/value", 1)?;
        is(&seen[1], "/content/value", 2)?;
        watch.silent(1).await.with_context(|| format!("the watch of {name}"))?;
    }
    Ok(())
}

async fn status(ctx: &Ctx) -> Result<()> {
    let body = plain(ctx, "Widget");
    let name = name_of(&body).to_owned();
    install(ctx, body).await?;
    let condition = |reason: &str| json!({"status": {"conditions": [{"type": "StatusUpdate", "status": "True", "reason": reason, "message": "set by a check"}]}});
    let definitions = definitions(ctx);
    let part = format!("{name}/status");
    let found = definitions.get(&part).await?;
    ensure!(super::super::expect::condition(&found, "Established") == "True", "/status has {}", found["status"]);
    let spec = found["spec"].clone();
    let updated = definitions
        .edit(&part, |object| {
            let added = condition("Updated")["status"]["conditions"][0].clone();
            super::super::pods::push(&mut object["status"]["conditions"], added);
        })
        .await?;
    has(&updated, &condition("Updated")).context("the answer to update")?;
    has(&definitions.get(&part).await?, &condition("Updated")).context("after an update")?;
    let mut patch = condition("Patched");
    let others = updated["status"]["conditions"].as_array().into_iter().flatten();
    let kept = others.filter(|it| it["type"] != "StatusUpdate").cloned();
    patch["status"]["conditions"].as_array_mut().context("a list")?.extend(kept);
    has(&definitions.merge(&part, patch.clone()).await?, &patch).context("the answer to patch")?;
    let after = definitions.get(&name).await?;
    has(&after, &condition("Patched")).context("after a patch")?;
    ensure!(after["spec"] == spec, "the spec became {}", after["spec"]);
    Ok(())
}

async fn list(ctx: &Ctx) -> Result<()> {
    let definitions = definitions(ctx);
    let selector = format!("conformance={}", ctx.tag);
    for at in 0..11 {
        let mut body = plain(ctx, &format!("Widget{at}"));
        if at < 10 {
            body["metadata"]["labels"] = json!({"conformance": ctx.tag});
        }
        ctx.create_outside(&definitions, body).await?;
    }
    let found = names(&definitions.labelled(&selector).await?);
    ensure!(found.len() == 10, "the list by label has {found:?}");
    definitions.list(&by_label(&selector)).await?;
    definitions.delete_collection(&selector).await?;
    definitions.none_left(60, &selector).await?;
    let other = name_of(&plain(ctx, "Widget10")).to_owned();
    definitions.get(&other).await.context("the one without the label").map(drop)
}

/// A schema with two fields and the default of one.
fn with_default(field: &str) -> Value {
    let mut schema = json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}});
    if !field.is_empty() {
        schema["properties"][field]["default"] = json!(field.to_uppercase());
    }
    schema
}

async fn set_schema(ctx: &Ctx, name: &str, schema: Value) -> Result<()> {
    let change = json!([{"op": "replace", "path": "/spec/versions/0/schema/openAPIV3Schema", "value": schema}]);
    definitions(ctx).json_patch(name, change).await.context("change the schema").map(drop)
}

async fn defaults(ctx: &Ctx) -> Result<()> {
    let body = definition(ctx, "Widget", json!([version("v1", true, with_default(""))]));
    let name = name_of(&body).to_owned();
    let objects = install(ctx, body).await?;
    let made = objects.create(json!({"metadata": {"name": "before"}})).await?;
    is(&made, "/a", Value::Null)?;
    set_schema(ctx, &name, with_default("a")).await?;
    objects.when(30, "before", |found| is(found, "/a", "A")).await.context("a default of a stored object")?;
    let made = objects.create(json!({"metadata": {"name": "after"}})).await?;
    is(&made, "/a", "A").context("a default of a new object")?;
    set_schema(ctx, &name, with_default("b")).await?;
    let found = objects.when(30, "after", |found| is(found, "/b", "B")).await.context("a new default")?;
    is(&found, "/a", "A").context("a default that was written is kept")?;
    let found = objects.when(30, "before", |found| is(found, "/b", "B")).await?;
    is(&found, "/a", Value::Null).context("a default that was never written is gone with the schema's")?;
    lifecycle::group_is_listed(ctx, &group(ctx), "v1").await
}

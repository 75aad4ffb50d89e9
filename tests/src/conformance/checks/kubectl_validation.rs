//! What is published about custom resources, and what kubectl makes of it.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::super::collection::name_of;
use super::super::ctx::Ctx;
use super::super::expect::contains;
use super::super::wait::until;
use super::checks;
use super::custom_resources::{definition, definition_in, definitions, group, install, version};

checks! {
    "crd-openapi-unserve" => unserved;
    "crd-openapi-rename" => renamed;
    "crd-openapi-preserve-root" => preserve, "root";
    "crd-openapi-preserve-embedded" => preserve, "embedded";
    "crd-openapi-noschema" => preserve, "no schema";
    "crd-openapi-groups" => several, "groups";
    "crd-openapi-kinds" => several, "kinds";
    "crd-openapi-versions" => several, "versions";
}

/// A schema whose descriptions and fields can be recognised.
fn schema() -> Value {
    let bars = json!({"type": "array", "description": "List of Bars and their specs.", "items": {
        "type": "object", "required": ["name"], "properties": {"name": {"type": "string", "description": "Name of Bar."}},
    }});
    let spec = json!({"type": "object", "description": "Specification of Foo", "properties": {"bars": bars}});
    json!({"type": "object", "description": "Foo of a check", "properties": {"spec": spec}})
}

/// The definition that OpenAPI v2 has for a kind.
async fn published(ctx: &Ctx, group: &str, version: &str, kind: &str) -> Result<Option<Value>> {
    let document = ctx.api.get("/openapi/v2").await?;
    let wanted = json!({"group": group, "version": version, "kind": kind});
    let all = document["definitions"].as_object().context("OpenAPI has definitions")?;
    let found = all
        .values()
        .find(|it| it["x-kubernetes-group-version-kind"].as_array().is_some_and(|kinds| kinds.contains(&wanted)));
    Ok(found.cloned())
}

/// Waits until a kind is published with the schema's fields; in OpenAPI v3 too.
async fn appears(ctx: &Ctx, group: &str, version: &str, kind: &str) -> Result<Value> {
    let found = until(30, &format!("{kind} of {group}/{version} in OpenAPI v2"), async || {
        let found = published(ctx, group, version, kind).await?.context("it is not there")?;
        ensure!(found["properties"]["spec"]["properties"]["bars"]["type"] == "array", "it is {found}");
        Ok(found)
    })
    .await?;
    let path = format!("/openapi/v3/apis/{group}/{version}");
    until(30, &format!("{kind} in {path}"), async || {
        contains(&ctx.api.get(&path).await?.to_string(), "List of Bars and their specs.")
    })
    .await?;
    Ok(found)
}

async fn vanishes(ctx: &Ctx, group: &str, version: &str, kind: &str) -> Result<()> {
    until(30, &format!("{kind} of {group}/{version} to leave OpenAPI"), async || {
        match published(ctx, group, version, kind).await? {
            Some(_) => bail!("it is there"),
            None => Ok(()),
        }
    })
    .await
}

fn two_versions(ctx: &Ctx) -> Value {
    definition(ctx, "Foo", json!([version("v2", true, schema()), version("v3", false, schema())]))
}

async fn unserved(ctx: &Ctx) -> Result<()> {
    let (body, group) = (two_versions(ctx), group(ctx));
    install(ctx, body.clone()).await?;
    let before = appears(ctx, &group, "v2", "Foo").await?;
    appears(ctx, &group, "v3", "Foo").await?;
    let change = json!([{"op": "replace", "path": "/spec/versions/1/served", "value": false}]);
    definitions(ctx).json_patch(name_of(&body), change).await?;
    vanishes(ctx, &group, "v3", "Foo").await?;
    let after = appears(ctx, &group, "v2", "Foo").await?;
    ensure!(after == before, "the other version's definition is {after} now");
    Ok(())
}

async fn renamed(ctx: &Ctx) -> Result<()> {
    let (body, group) = (two_versions(ctx), group(ctx));
    install(ctx, body.clone()).await?;
    let before = appears(ctx, &group, "v2", "Foo").await?;
    appears(ctx, &group, "v3", "Foo").await?;
    let change = json!([{"op": "replace", "path": "/spec/versions/1/name", "value": "v4"}]);
    definitions(ctx).json_patch(name_of(&body), change).await?;
    appears(ctx, &group, "v4", "Foo").await?;
    vanishes(ctx, &group, "v3", "Foo").await?;
    let after = appears(ctx, &group, "v2", "Foo").await?;
    ensure!(after == before, "the other version's definition is {after} now");
    Ok(())
}

async fn several(ctx: &Ctx, what: &str) -> Result<()> {
    let first = group(ctx);
    let second = format!("second-{first}");
    let one = |group: &str, kind: &str| definition_in(group, kind, json!([version("v1", true, schema())]));
    let (bodies, wanted) = match what {
        "groups" => (vec![one(&first, "Foo"), one(&second, "Foo")], [(&first, "v1", "Foo"), (&second, "v1", "Foo")]),
        "kinds" => (vec![one(&first, "Foo"), one(&first, "Waldo")], [(&first, "v1", "Foo"), (&first, "v1", "Waldo")]),
        _ => (vec![two_versions(ctx)], [(&first, "v2", "Foo"), (&first, "v3", "Foo")]),
    };
    for body in bodies {
        install(ctx, body).await?;
    }
    for (group, version, kind) in wanted {
        appears(ctx, group, version, kind).await?;
    }
    if what == "versions" {
        // Two definitions that have a version each.
        for (kind, version_name) in [("Bar", "v5"), ("Baz", "v6")] {
            install(ctx, definition_in(&first, kind, json!([version(version_name, true, schema())]))).await?;
        }
        appears(ctx, &first, "v5", "Bar").await?;
        appears(ctx, &first, "v6", "Baz").await?;
    }
    Ok(())
}

/// kubectl validates on its own side, creates, applies and explains an object with fields that no schema names.
async fn preserve(ctx: &Ctx, what: &str) -> Result<()> {
    let preserve = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let (schema, spec, explained) = match what {
        "root" => (preserve, json!({"any": {"thing": 1}}), ("", "KIND:")),
        "embedded" => {
            let mut spec = preserve;
            spec["description"] = json!("Specification of Foo");
            let schema = json!({"type": "object", "description": "Foo of a check", "properties": {"spec": spec}});
            (schema, json!({"any": {"thing": 1}}), (".spec", "Specification of Foo"))
        }
        _ => {
            let properties = json!({"spec": preserve, "status": preserve});
            (
                json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": properties}),
                json!({"any": 1}),
                ("", "DESCRIPTION"),
            )
        }
    };
    let foos = install(ctx, definition(ctx, "Foo", json!([version("v1", true, schema)]))).await?;
    let plural = format!("foos.{}", group(ctx));
    let body = |name: &str| {
        json!({"apiVersion": foos.group_version, "kind": "Foo", "metadata": {"name": name}, "spec": spec}).to_string()
    };
    until(30, "kubectl to know the kind", async || ctx.kubectl(&["explain", &plural]).await).await?;
    ctx.kubectl_with(&["create", "--validate=true", "-f", "-"], &body("created")).await?;
    ctx.kubectl_with(&["apply", "--validate=true", "-f", "-"], &body("applied")).await?;
    ctx.kubectl_with(&["apply", "--validate=true", "-f", "-"], &body("applied")).await.context("apply again")?;
    for name in ["created", "applied"] {
        super::super::expect::has(&foos.get(name).await?, &json!({"spec": spec}))?;
        ctx.kubectl(&["delete", &plural, name]).await?;
    }
    let (field, part) = explained;
    contains(&ctx.kubectl(&["explain", &format!("{plural}{field}")]).await?, part)
}

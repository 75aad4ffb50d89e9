//! Custom resources of two versions, converted by a webhook: `hostPort` at v1 is `host` and `port` at v2.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::collection::{items, name_of};
use super::super::ctx::Ctx;
use super::super::expect::is;
use super::super::hook::{Asked, Hook, Reply};
use super::super::wait::until;
use super::checks;
use super::custom_resources::{anything, definition, definitions, install, objects, version};

checks! {
    "crd-conv-one" => one;
    "crd-conv-list" => mixed_list;
}

fn converted(object: &Value, to: &str) -> Value {
    let mut object = object.clone();
    let is_v2 = to.ends_with("/v2");
    if is_v2 && object["hostPort"].is_string() {
        let text = object["hostPort"].as_str().unwrap_or_default().to_owned();
        let (host, port) = text.split_once(':').unwrap_or((&text, ""));
        object["host"] = json!(host);
        object["port"] = json!(port);
    } else if !is_v2 && object["host"].is_string() {
        let text = |field: &str| object[field].as_str().unwrap_or_default().to_owned();
        object["hostPort"] = json!(format!("{}:{}", text("host"), text("port")));
    }
    if let Some(fields) = object.as_object_mut() {
        fields.retain(|field, _| if is_v2 { field != "hostPort" } else { field != "host" && field != "port" });
    }
    object["apiVersion"] = json!(to);
    object
}

fn convert(asked: &Asked) -> Reply {
    let request = &asked.body["request"];
    let to = request["desiredAPIVersion"].as_str().unwrap_or_default();
    let objects: Vec<Value> =
        request["objects"].as_array().into_iter().flatten().map(|object| converted(object, to)).collect();
    let response = json!({"uid": request["uid"], "result": {"status": "Success"}, "convertedObjects": objects});
    Reply::json(json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview", "response": response}))
}

async fn body(ctx: &Ctx) -> Result<(Hook, Value)> {
    let hook = Hook::serve(ctx, convert).await?;
    let mut body =
        definition(ctx, "Endpoint", json!([version("v1", true, anything()), version("v2", false, anything())]));
    let webhook = json!({"clientConfig": hook.client_config("/convert"), "conversionReviewVersions": ["v1"]});
    body["spec"]["conversion"] = json!({"strategy": "Webhook", "webhook": webhook});
    Ok((hook, body))
}

async fn one(ctx: &Ctx) -> Result<()> {
    let (_hook, body) = body(ctx).await?;
    let v1 = install(ctx, body.clone()).await?;
    let v2 = objects(ctx, &body, "v2");
    v1.create(json!({"metadata": {"name": "object"}, "hostPort": "localhost:8080"})).await?;
    let found = until(30, "the object at v2", async || v2.get("object").await).await?;
    is(&found, "/apiVersion", v2.group_version.clone())?;
    is(&found, "/host", "localhost")?;
    is(&found, "/port", "8080")?;
    is(&found, "/hostPort", Value::Null)?;
    is(&v1.get("object").await?, "/hostPort", "localhost:8080")
}

async fn mixed_list(ctx: &Ctx) -> Result<()> {
    let (_hook, body) = body(ctx).await?;
    let v1 = install(ctx, body.clone()).await?;
    let v2 = objects(ctx, &body, "v2");
    v1.create(json!({"metadata": {"name": "of-v1"}, "hostPort": "one:1"})).await?;
    let switch = json!([
        {"op": "replace", "path": "/spec/versions/0/storage", "value": false},
        {"op": "replace", "path": "/spec/versions/1/storage", "value": true},
    ]);
    definitions(ctx).json_patch(name_of(&body), switch).await.context("store v2")?;
    until(30, "v2 to be stored", async || {
        let found = definitions(ctx).get(name_of(&body)).await?;
        is(&found, "/status/storedVersions", json!(["v1", "v2"]))
    })
    .await?;
    v2.create(json!({"metadata": {"name": "of-v2"}, "host": "two", "port": "2"})).await?;
    for (version, fields) in [
        (&v1, [("of-v1", json!({"hostPort": "one:1"})), ("of-v2", json!({"hostPort": "two:2"}))]),
        (&v2, [("of-v1", json!({"host": "one", "port": "1"})), ("of-v2", json!({"host": "two", "port": "2"}))]),
    ] {
        let list = items(&version.list("").await.with_context(|| format!("list at {}", version.group_version))?);
        ensure!(list.len() == 2, "the list at {} has {} objects", version.group_version, list.len());
        for (object, (name, wanted)) in list.iter().zip(fields) {
            is(object, "/metadata/name", name)?;
            is(object, "/apiVersion", version.group_version.clone())?;
            for field in ["hostPort", "host", "port"] {
                is(object, &format!("/{field}"), wanted[field].clone())
                    .with_context(|| format!("{name} as {wanted}"))?;
            }
        }
    }
    Ok(())
}

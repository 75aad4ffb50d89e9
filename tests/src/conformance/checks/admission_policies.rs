//! Policies in CEL: they refuse and change Deployments of the check's namespace.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::super::api::refused;
use super::super::ctx::Ctx;
use super::super::expect::{contains, has};
use super::super::hook_reviews::rule;
use super::mutating_webhooks::becomes;
use super::validating_webhooks::denied;
use super::{checks, deployments};

checks! {
    "vap-variables" => variables;
    "vap-deployment" => validates;
    "map-mutate" => replicas;
    "map-mutate-annot" => annotations;
}

/// A policy and its binding, for Deployments of the check's namespace.
async fn bind(ctx: &Ctx, sort: &str, mut spec: Value) -> Result<()> {
    let name = ctx.unique("policy");
    let selector = json!({"matchLabels": {"kubernetes.io/metadata.name": ctx.ns}});
    let rules = json!([rule(("apps", "v1"), &["deployments"], &["CREATE", "UPDATE"])]);
    spec["matchConstraints"] = json!({"resourceRules": rules, "namespaceSelector": selector});
    spec["failurePolicy"] = json!("Fail");
    let group = "admissionregistration.k8s.io/v1";
    let policies = ctx.everywhere(group, &format!("{sort}admissionpolicies"));
    ctx.create_outside(&policies, json!({"metadata": {"name": name}, "spec": spec})).await.context("the policy")?;
    let mut binding = json!({"policyName": name});
    if sort == "validating" {
        binding["validationActions"] = json!(["Deny"]);
        binding["matchResources"] = json!({"namespaceSelector": selector});
    }
    let bindings = ctx.everywhere(group, &format!("{sort}admissionpolicybindings"));
    ctx.create_outside(&bindings, json!({"metadata": {"name": name}, "spec": binding})).await.context("the binding")?;
    Ok(())
}

/// No more than one replica is refused with the message, more is taken; other namespaces are free.
async fn refuses(ctx: &Ctx, message: &str) -> Result<()> {
    let all = ctx.here("apps/v1", "deployments");
    denied(&all, &deployments::body(ctx, "one", 1), message).await?;
    let made = all.create(deployments::body(ctx, "one", 1)).await;
    contains(&refused(made, 422)?.message, message)?;
    all.create(deployments::body(ctx, "two", 2)).await.context("one that the policy takes")?;
    let other = ctx.another_namespace("free", json!({})).await?;
    let elsewhere = ctx.inside(&other, "apps/v1", "deployments");
    elsewhere.create(deployments::body(ctx, "one", 1)).await.context("in another namespace").map(drop)
}

async fn validates(ctx: &Ctx) -> Result<()> {
    let expression = "object.spec.replicas > 1";
    let spec = json!({"validations": [{"expression": expression, "messageExpression": "'wants replicas: ' + string(object.spec.replicas)"}]});
    bind(ctx, "validating", spec).await?;
    refuses(ctx, "wants replicas: 1").await
}

async fn variables(ctx: &Ctx) -> Result<()> {
    let variables = json!([
        {"name": "replicas", "expression": "object.spec.replicas"},
        {"name": "enough", "expression": "variables.replicas > 1"},
    ]);
    let validations = json!([{"expression": "variables.enough", "message": "too few replicas for the check"}]);
    bind(ctx, "validating", json!({"variables": variables, "validations": validations})).await?;
    refuses(ctx, "too few replicas for the check").await
}

async fn replicas(ctx: &Ctx) -> Result<()> {
    let expression = "Object{spec: Object.spec{replicas: object.spec.replicas + 10}}";
    let mutation = json!({"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}});
    bind(ctx, "mutating", json!({"reinvocationPolicy": "Never", "mutations": [mutation]})).await?;
    let all = ctx.here("apps/v1", "deployments");
    becomes(&all, &paused(ctx), "/spec/replicas", json!(11)).await?;
    all.create(paused(ctx)).await?;
    has(&all.get("changed").await?, &json!({"spec": {"replicas": 11}}))
}

async fn annotations(ctx: &Ctx) -> Result<()> {
    let expression =
        "[JSONPatch{op: \"add\", path: \"/metadata/annotations\", value: {\"conformance\": \"annotated\"}}]";
    let mutation = json!({"patchType": "JSONPatch", "jsonPatch": {"expression": expression}});
    bind(ctx, "mutating", json!({"reinvocationPolicy": "Never", "mutations": [mutation]})).await?;
    let all = ctx.here("apps/v1", "deployments");
    becomes(&all, &paused(ctx), "/metadata/annotations/conformance", json!("annotated")).await?;
    all.create(paused(ctx)).await?;
    has(&all.get("changed").await?, &json!({"metadata": {"annotations": {"conformance": "annotated"}}}))
}

/// A Deployment that makes no Pods.
fn paused(ctx: &Ctx) -> Value {
    let mut body = deployments::body(ctx, "changed", 1);
    body["spec"]["paused"] = json!(true);
    body
}

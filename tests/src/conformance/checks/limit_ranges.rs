//! LimitRanges: defaults, least and most for containers.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::super::api::refused;
use super::super::ctx::Ctx;
use super::super::expect::{has, is};
use super::super::pods;
use super::super::wait::until;
use super::checks;

checks! {
    "lr-defaults" => defaults;
}

fn limits(min: &Value) -> Value {
    json!([{
        "type": "Container", "min": min, "max": {"cpu": "500m", "memory": "500Mi", "ephemeral-storage": "500Gi"},
        "default": {"cpu": "500m", "memory": "500Mi", "ephemeral-storage": "500Gi"},
        "defaultRequest": {"cpu": "100m", "memory": "200Mi", "ephemeral-storage": "200Gi"},
    }])
}

fn pod(ctx: &Ctx, name: &str, requests: &Value, limits: &Value) -> Value {
    pods::with(pods::idle(ctx, name), json!({"resources": {"requests": requests, "limits": limits}}))
}

async fn defaults(ctx: &Ctx) -> Result<()> {
    let ranges = ctx.here("v1", "limitranges");
    let least = json!({"cpu": "50m", "memory": "100Mi", "ephemeral-storage": "100Gi"});
    ranges.create(json!({"metadata": {"name": "range"}, "spec": {"limits": limits(&least)}})).await?;
    let none = json!({});
    // Admission reads a cache, which may be a moment behind.
    let plain = until(20, "the defaults", async || {
        let made = ctx.pods().create_with(pod(ctx, "plain", &none, &none), "dryRun=All").await?;
        is(&made, "/spec/containers/0/resources/limits/cpu", "500m")?;
        Ok(made)
    });
    let wanted = json!({
        "requests": {"cpu": "100m", "memory": "200Mi", "ephemeral-storage": "200Gi"},
        "limits": {"cpu": "500m", "memory": "500Mi", "ephemeral-storage": "500Gi"},
    });
    is(&plain.await?, "/spec/containers/0/resources", wanted)?;
    let partial = pod(ctx, "partial", &json!({"cpu": "300m", "memory": "150Mi"}), &json!({"cpu": "300m"}));
    let made = ctx.pods().create(partial).await?;
    has(
        &made["spec"]["containers"][0]["resources"],
        &json!({"requests": {"cpu": "300m", "memory": "150Mi"}, "limits": {"cpu": "300m", "memory": "500Mi"}}),
    )?;
    let too_small = pod(ctx, "small", &json!({"cpu": "10m", "memory": "50Mi"}), &none);
    refused(ctx.pods().create(too_small.clone()).await, 403).context("less than the least")?;
    let too_large = pod(ctx, "large", &none, &json!({"cpu": "600m", "memory": "600Mi"}));
    refused(ctx.pods().create(too_large).await, 403).context("more than the most")?;
    let less = json!({"cpu": "9m", "memory": "49Mi", "ephemeral-storage": "49Gi"});
    ranges.edit("range", |it| it["spec"]["limits"] = limits(&less)).await?;
    until(20, "the new least", async || ctx.pods().create(too_small.clone()).await).await.context("after an update")?;
    ranges.delete("range").await?;
    until(20, "no limits any more", async || {
        ctx.pods().create_with(pod(ctx, "free", &none, &json!({"cpu": "600m"})), "dryRun=All").await
    })
    .await
    .map(drop)
}

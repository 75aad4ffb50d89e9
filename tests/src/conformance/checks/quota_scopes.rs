//! Quotas for some Pods only: by quality of service, and by whether they end.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::super::ctx::Ctx;
use super::super::pods;
use super::checks;
use super::quotas::{create, used};

checks! {
    "rq-besteffort" => scopes, ["BestEffort", "NotBestEffort"], |pod: Value, first: bool| match first {
        true => pod,
        false => pods::with(pod, json!({"resources": {"requests": {"cpu": "5m"}, "limits": {"cpu": "10m"}}})),
    };
    "rq-terminating" => scopes, ["Terminating", "NotTerminating"], |pod: Value, first: bool| match first {
        true => pods::with_spec(pod, json!({"activeDeadlineSeconds": 3600})),
        false => pod,
    };
}

/// A Pod of the first kind counts in the first scope's quota alone, one of the second in the second's.
async fn scopes(ctx: &Ctx, names: [&str; 2], shape: fn(Value, bool) -> Value) -> Result<()> {
    for scope in names {
        create(ctx, &scope.to_lowercase(), json!({"hard": {"pods": "5"}, "scopes": [scope]})).await?;
    }
    let counts = async |wanted: [&str; 2]| {
        for (scope, count) in names.iter().zip(wanted) {
            used(ctx, &scope.to_lowercase(), json!({"pods": count})).await.with_context(|| format!("scope {scope}"))?;
        }
        anyhow::Ok(())
    };
    counts(["0", "0"]).await?;
    for (first, wanted) in [(true, ["1", "0"]), (false, ["0", "1"])] {
        ctx.pods().create(shape(pods::idle(ctx, "counted"), first)).await?;
        counts(wanted).await?;
        ctx.pods().delete_with("counted", json!({"gracePeriodSeconds": 0})).await?;
        ctx.pods().gone(60, "counted").await?;
        counts(["0", "0"]).await.context("after the Pod is gone")?;
    }
    Ok(())
}

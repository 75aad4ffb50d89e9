//! Several sources in one volume, and very many volumes in one Pod.

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::super::ctx::Ctx;
use super::super::pods;
use super::checks;
use super::volumes::{CONFIG_MAP, SECRET};

checks! {
    "proj-all" => all;
    "edw-configmaps" => very_many;
}

async fn all(ctx: &Ctx) -> Result<()> {
    CONFIG_MAP.create(ctx, &ctx.ns, "map", json!({"configmap-data": "configmap-value"})).await?;
    SECRET.create(ctx, &ctx.ns, "secret", json!({"secret-data": "secret-value"})).await?;
    let item = json!({"path": "podname", "fieldRef": {"fieldPath": "metadata.name"}});
    let sources = json!([
        {"downwardAPI": {"items": [item]}},
        {"secret": {"name": "secret", "items": [{"key": "secret-data", "path": "secret/data"}]}},
        {"configMap": {"name": "map", "items": [{"key": "configmap-data", "path": "configmap/data"}]}},
    ]);
    let text = "cd /all; for f in podname secret/data configmap/data; do cat $f; echo; done";
    let pod =
        pods::with_volume(pods::script(ctx, "pod", text), "all", "/all", json!({"projected": {"sources": sources}}));
    let printed = pods::output(ctx, pod).await?;
    ensure!(printed.trim_end() == "pod\nsecret-value\nconfigmap-value", "the files have {printed:?}");
    Ok(())
}

/// 50 volumes a Pod, 5 Pods at a time, 3 rounds.
async fn very_many(ctx: &Ctx) -> Result<()> {
    for at in 0..50 {
        CONFIG_MAP.create(ctx, &ctx.ns, &format!("map-{at}"), json!({"data-1": "value-1"})).await?;
    }
    for round in 0..3 {
        for pod in 0..5 {
            let mut body = pods::idle(ctx, &format!("pod-{round}-{pod}"));
            body["metadata"]["labels"] = json!({"round": round.to_string()});
            for at in 0..50 {
                let volume = CONFIG_MAP.volume(&format!("map-{at}"), json!({}), None);
                body = pods::with_volume(body, &format!("v-{at}"), &format!("/etc/v-{at}"), volume);
            }
            ctx.pods().create(body).await?;
        }
        for pod in 0..5 {
            pods::ready(ctx, &format!("pod-{round}-{pod}")).await.with_context(|| format!("round {round}"))?;
        }
        ctx.pods().delete_collection(&format!("round={round}")).await?;
        ctx.pods().none_left(pods::POD_SECONDS, &format!("round={round}")).await?;
    }
    Ok(())
}

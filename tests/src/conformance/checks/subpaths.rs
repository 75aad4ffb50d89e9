//! Parts of volumes: of written sources, and with variables in the path.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::ctx::Ctx;
use super::super::expect::is;
use super::super::pods::{self, POD_SECONDS};
use super::super::wait::{holds, until};
use super::checks;

checks! {
    "sp-configmap" => reads, "map", "/mnt";
    "sp-configmap-file" => reads, "map", "/etc/passwd";
    "sp-downward" => reads, "downward", "/mnt";
    "sp-projected" => reads, "projected", "/mnt";
    "exp-subpath-abs" => refused, "/tmp";
    "exp-subpath-backtick" => refused, "..";
    "exp-subpath-write" => writes;
    "exp-subpath-recover" => recovers;
}

/// A file of a volume, mounted by its subPath and read again and again.
async fn reads(ctx: &Ctx, source: &str, at: &str) -> Result<()> {
    let data = json!({"metadata": {"name": "source"}, "data": {"file": "the-content"}});
    ctx.config_maps().create(data).await?;
    let item = json!({"path": "file", "fieldRef": {"fieldPath": "metadata.labels['content']"}});
    let volume = match source {
        "map" => json!({"configMap": {"name": "source"}}),
        "downward" => json!({"downwardAPI": {"items": [item]}}),
        _ => json!({"projected": {"sources": [{"configMap": {"name": "source"}}]}}),
    };
    let path = if at == "/mnt" { "/mnt/file" } else { at };
    let mut pod = pods::with_volume(pods::idle(ctx, "pod"), "source", path, volume);
    pod["metadata"]["labels"] = json!({"content": "the-content"});
    pod["spec"]["containers"][0]["volumeMounts"][0]["subPath"] = json!("file");
    let started = pods::started(ctx, pod).await?;
    holds(10, "the file's content", async || {
        let found = pods::exec(ctx, "pod", &format!("cat {path}")).await?;
        ensure!(found == "the-content", "it is {found:?}");
        Ok(())
    })
    .await?;
    let now = ctx.pods().get("pod").await?;
    is(&now, "/status/containerStatuses/0/restartCount", 0)?;
    is(&now, "/metadata/uid", started["metadata"]["uid"].clone())
}

// Upstream's name for one of the refused speaks of backticks; its path is the step back, `..`.

/// A Pod whose subPathExpr is one variable, which comes from an annotation.
fn expanding(pod: Value, annotation: &str) -> Value {
    let mut pod = pods::with_volume(pod, "work", "/volume", json!({"emptyDir": {}}));
    pod["metadata"]["annotations"] = json!({"path": annotation});
    let from = json!({"fieldRef": {"fieldPath": "metadata.annotations['path']"}});
    pod["spec"]["containers"][0]["env"] = json!([{"name": "ANNOTATION", "valueFrom": from}]);
    let mount = json!({"name": "work", "mountPath": "/subpath", "subPathExpr": "$(ANNOTATION)"});
    pods::push(&mut pod["spec"]["containers"][0]["volumeMounts"], mount);
    pod
}

/// Waits until the kubelet says that it cannot make the container, and sees that it never runs.
async fn cannot_start(ctx: &Ctx) -> Result<()> {
    let waits = |pod: &Value| {
        let waiting = &pod["status"]["containerStatuses"][0]["state"]["waiting"];
        is(waiting, "/reason", "CreateContainerConfigError")
            .with_context(|| pod["status"]["containerStatuses"].to_string())
    };
    ctx.pods().when(POD_SECONDS, "pod", waits).await?;
    holds(5, "the Pod not to start", async || {
        let pod = ctx.pods().get("pod").await?;
        is(&pod, "/status/phase", "Pending")?;
        let state = &pod["status"]["containerStatuses"][0];
        ensure!(state["state"]["running"].is_null() && state["lastState"]["terminated"].is_null(), "it has {state}");
        Ok(())
    })
    .await
}

async fn refused(ctx: &Ctx, path: &str) -> Result<()> {
    ctx.pods().create(expanding(pods::idle(ctx, "pod"), path)).await?;
    cannot_start(ctx).await
}

async fn recovers(ctx: &Ctx) -> Result<()> {
    ctx.pods().create(expanding(pods::idle(ctx, "pod"), "/not/allowed")).await?;
    cannot_start(ctx).await?;
    ctx.pods().merge("pod", json!({"metadata": {"annotations": {"path": "allowed"}}})).await?;
    pods::ready(ctx, "pod").await.map(drop)
}

async fn writes(ctx: &Ctx) -> Result<()> {
    pods::started(ctx, expanding(pods::idle(ctx, "pod"), "mypath/foo")).await?;
    pods::exec(ctx, "pod", "echo written > /subpath/test.log").await?;
    let found = pods::exec(ctx, "pod", "cat /volume/mypath/foo/test.log").await?;
    ensure!(found.trim() == "written", "at the volume's root the file has {found:?}");
    ctx.pods().merge("pod", json!({"metadata": {"annotations": {"path": "mynewpath"}}})).await?;
    until(10, "the annotation", async || is(&ctx.pods().get("pod").await?, "/metadata/annotations/path", "mynewpath"))
        .await?;
    ctx.pods().delete("pod").await?;
    ctx.pods().gone(60, "pod").await.context("a Pod whose annotation is another now")
}

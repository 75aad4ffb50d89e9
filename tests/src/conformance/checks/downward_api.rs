//! Files that tell a Pod about itself, in a volume of their own and in a projected one.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::ctx::Ctx;
use super::super::pods;
use super::{checks, environment};

checks! {
    "dav-cpu-limit" => amount, Volume::Own, "limits.cpu", "2";
    "dav-cpu-req" => amount, Volume::Own, "requests.cpu", "1";
    "dav-mem-req" => amount, Volume::Own, "requests.memory", "33554432";
    "dav-cpu-alloc" => allocatable, Volume::Own, "limits.cpu";
    "dav-mem-alloc" => allocatable, Volume::Own, "limits.memory";
    "dav-name" => name, Volume::Own;
    "dav-item-mode" => item_mode, Volume::Own;
    "dav-annot-update" => update, Volume::Own, "annotations";
    "dav-label-update" => update, Volume::Own, "labels";
    "pda-cpu-limit" => amount, Volume::Projected, "limits.cpu", "2";
    "pda-cpu-req" => amount, Volume::Projected, "requests.cpu", "1";
    "pda-mem-req" => amount, Volume::Projected, "requests.memory", "33554432";
    "pda-cpu-alloc" => allocatable, Volume::Projected, "limits.cpu";
    "pda-mem-alloc" => allocatable, Volume::Projected, "limits.memory";
    "pda-name" => name, Volume::Projected;
    "pda-item-mode" => item_mode, Volume::Projected;
    "pda-annot-update" => update, Volume::Projected, "annotations";
    "pda-label-update" => update, Volume::Projected, "labels";
}

/// Which sort of volume the files are in.
#[derive(Clone, Copy)]
pub enum Volume {
    Own,
    Projected,
}

/// A Pod with one file, /etc/podinfo/file.
fn with_file(pod: Value, volume: Volume, mut item: Value) -> Value {
    item["path"] = json!("file");
    let source = match volume {
        Volume::Own => json!({"downwardAPI": {"items": [item]}}),
        Volume::Projected => json!({"projected": {"sources": [{"downwardAPI": {"items": [item]}}]}}),
    };
    pods::with_volume(pod, "podinfo", "/etc/podinfo", source)
}

fn resource(name: &str) -> Value {
    json!({"resourceFieldRef": {"containerName": "main", "resource": name}})
}

async fn prints(ctx: &Ctx, pod: Value, wanted: &str) -> Result<()> {
    let printed = pods::output(ctx, pod).await?;
    ensure!(printed.trim() == wanted, "it printed {printed:?}, expected {wanted:?}");
    Ok(())
}

const CAT: &str = "cat /etc/podinfo/file";

async fn amount(ctx: &Ctx, volume: Volume, name: &str, wanted: &str) -> Result<()> {
    let amounts = json!({"requests": {"cpu": "250m", "memory": "32Mi"}, "limits": {"cpu": "1250m", "memory": "64Mi"}});
    let pod = pods::with(pods::script(ctx, "pod", CAT), json!({"resources": amounts}));
    prints(ctx, with_file(pod, volume, resource(name)), wanted).await
}

async fn allocatable(ctx: &Ctx, volume: Volume, name: &str) -> Result<()> {
    let pod = with_file(pods::script(ctx, "pod", CAT), volume, resource(name));
    let printed = pods::output(ctx, pod).await?;
    let (cores, bytes) = environment::allocatable(ctx, "pod").await?;
    let wanted = if name == "limits.cpu" { cores } else { bytes };
    ensure!(printed.trim() == wanted.to_string(), "the file has {printed:?}, the node can give {wanted}");
    Ok(())
}

async fn name(ctx: &Ctx, volume: Volume) -> Result<()> {
    let item = json!({"fieldRef": {"fieldPath": "metadata.name"}});
    prints(ctx, with_file(pods::script(ctx, "the-name", CAT), volume, item), "the-name").await
}

async fn item_mode(ctx: &Ctx, volume: Volume) -> Result<()> {
    let item = json!({"fieldRef": {"fieldPath": "metadata.name"}, "mode": 0o400});
    let text = "stat -L -c %a /etc/podinfo/file";
    prints(ctx, with_file(pods::script(ctx, "pod", text), volume, item), "400").await
}

async fn update(ctx: &Ctx, volume: Volume, what: &str) -> Result<()> {
    let item = json!({"fieldRef": {"fieldPath": format!("metadata.{what}")}});
    let mut pod = with_file(pods::idle(ctx, "pod"), volume, item);
    pod["metadata"][what] = json!({"builder": "bar"});
    pods::started(ctx, pod).await?;
    pods::exec_has(ctx, "pod", CAT, "builder=\"bar\"").await.context("at first")?;
    ctx.pods().merge("pod", json!({"metadata": {what: {"builder": "foo"}}})).await?;
    pods::exec_has(ctx, "pod", CAT, "builder=\"foo\"").await.context("after an update").map(drop)
}

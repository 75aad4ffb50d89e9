//! PersistentVolumes and claims as objects, and Pods that name a CSI volume.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::collection::name_of;
use super::super::ctx::Ctx;
use super::super::expect::{has, is};
use super::super::lifecycle::{self, Kind};
use super::super::pods;
use super::checks;

checks! {
    "pv-lifecycle" => life;
    "pv-status" => status;
    "csi-inline-pod" => inline;
}

const VOLUME: Kind = Kind {
    group_version: "v1",
    plural: "persistentvolumes",
    namespaced: false,
    body: |_, _| {
        json!({"spec": {
            "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": "conformance-none", "hostPath": {"path": "/tmp/conformance-none"},
        }})
    },
    status: None,
    name: None,
};

const CLAIM: Kind = Kind {
    plural: "persistentvolumeclaims",
    namespaced: true,
    body: |_, _| {
        json!({"spec": {
            "accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "2Gi"}}, "storageClassName": "conformance-other",
        }})
    },
    ..VOLUME
};

async fn life(ctx: &Ctx) -> Result<()> {
    lifecycle::lifecycle(ctx, &VOLUME).await.context("PersistentVolume")?;
    lifecycle::lifecycle(ctx, &CLAIM).await.context("PersistentVolumeClaim")
}

async fn status(ctx: &Ctx) -> Result<()> {
    let volumes = ctx.everywhere("v1", "persistentvolumes");
    let name = ctx.unique("volume");
    let mut body = (VOLUME.body)(ctx, 0);
    body["metadata"] = json!({"name": name});
    ctx.create_outside(&volumes, body).await?;
    // Where a binder runs it sets the phase: it may do so first, but this row needs the API alone.
    drop(volumes.when(5, &name, |it| is(it, "/status/phase", "Available")).await);
    let told = |reason: &str| json!({"status": {"reason": reason, "message": "set by a check"}});
    lifecycle::status(&volumes, &name, [told("Patched"), told("Updated")]).await.context("PersistentVolume")?;
    let claims = ctx.here("v1", "persistentvolumeclaims");
    let mut body = (CLAIM.body)(ctx, 0);
    body["metadata"] = json!({"name": "claim"});
    claims.create(body).await?;
    let condition = |reason: &str| json!({"status": {"conditions": [{"type": "StatusUpdate", "status": "True", "reason": reason, "message": "set by a check"}]}});
    lifecycle::status(&claims, "claim", [condition("Patched"), condition("Updated")])
        .await
        .context("PersistentVolumeClaim")
}

async fn inline(ctx: &Ctx) -> Result<()> {
    let driver = format!("{}.example.com", ctx.tag);
    let spec = json!({"volumeLifecycleModes": ["Ephemeral"], "attachRequired": false, "podInfoOnMount": true});
    ctx.create_outside(
        &ctx.everywhere("storage.k8s.io/v1", "csidrivers"),
        json!({"metadata": {"name": driver}, "spec": spec}),
    )
    .await?;
    let source = json!({"csi": {"driver": driver, "volumeAttributes": {"size": "1"}}});
    let mut pod = pods::with_volume(pods::idle(ctx, "inline"), "inline", "/data", source.clone());
    pod["metadata"]["labels"] = json!({"conformance": ctx.tag});
    let made: Value = ctx.pods().create(pod).await?;
    let volumes = made["spec"]["volumes"].as_array().cloned().unwrap_or_default();
    let volume = volumes.iter().find(|volume| volume["name"] == "inline").context("the volume")?;
    has(volume, &source)?;
    let patch = json!({"metadata": {"labels": {"patched": "yes"}}});
    has(&ctx.pods().merge("inline", patch.clone()).await?, &patch)?;
    let found = ctx.pods().labelled(&format!("conformance={},patched=yes", ctx.tag)).await?;
    ensure!(found.len() == 1 && name_of(&found[0]) == "inline", "the list has {}", found.len());
    has(&ctx.pods().get("inline").await?, &patch)?;
    ctx.pods().delete_with("inline", json!({"gracePeriodSeconds": 0})).await?;
    ctx.pods().gone(60, "inline").await
}

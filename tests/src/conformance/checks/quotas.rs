//! Quotas that count objects, and quotas as objects.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::super::api::refused;
use super::super::ctx::Ctx;
use super::super::expect::{has, is};
use super::super::wait::until;
use super::{checks, deployments, replication_controllers};

checks! {
    "rq-status" => status;
    "rq-update-delete" => update_and_delete;
    "rq-configmap" => counts, ("configmaps", ("v1", "configmaps"), |_| json!({"metadata": {"name": "counted"}}));
    "rq-secret" => counts, ("secrets", ("v1", "secrets"), |_| json!({"metadata": {"name": "counted"}}));
    "rq-replicaset" => counts, ("count/replicasets.apps", ("apps/v1", "replicasets"), |ctx| deployments::body(ctx, "counted", 0));
    "rq-rc" => counts, ("replicationcontrollers", ("v1", "replicationcontrollers"), |ctx| replication_controllers::body(ctx, "counted", 0));
    "rq-service" => services;
}

type Counted = (&'static str, (&'static str, &'static str), fn(&Ctx) -> Value);

/// A quota called `quota`, counted once.
pub async fn create(ctx: &Ctx, name: &str, spec: Value) -> Result<()> {
    let quotas = ctx.here("v1", "resourcequotas");
    quotas.create(json!({"metadata": {"name": name}, "spec": spec})).await?;
    quotas.when(30, name, |it| is(it, "/status/hard", spec["hard"].clone())).await.map(drop)
}

/// Waits until a quota counts so much.
pub async fn used(ctx: &Ctx, name: &str, wanted: Value) -> Result<()> {
    let quotas = ctx.here("v1", "resourcequotas");
    quotas.when(30, name, |it| has(&it["status"]["used"], &wanted)).await.map(drop)
}

async fn counts(ctx: &Ctx, (resource, (group_version, plural), body): Counted) -> Result<()> {
    let objects = ctx.here(group_version, plural);
    // Some are there from the start: the CA's ConfigMap.
    if plural == "configmaps" {
        until(30, "the CA's ConfigMap", async || objects.get("kube-root-ca.crt").await).await?;
    }
    let before = objects.list("").await?["items"].as_array().map_or(0, Vec::len);
    create(ctx, "quota", json!({"hard": {resource: "10"}})).await?;
    used(ctx, "quota", json!({resource: before.to_string()})).await.context("before")?;
    objects.create(body(ctx)).await?;
    used(ctx, "quota", json!({resource: (before + 1).to_string()})).await.context("after a create")?;
    objects.delete("counted").await?;
    used(ctx, "quota", json!({resource: before.to_string()})).await.context("after a delete")
}

fn service(name: &str, kind: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"type": kind, "ports": [{"port": 80}]}})
}

async fn services(ctx: &Ctx) -> Result<()> {
    let all = ctx.here("v1", "services");
    let hard = json!({"services": "5", "services.nodeports": "1", "services.loadbalancers": "1"});
    create(ctx, "quota", json!({"hard": hard})).await?;
    all.create(service("cluster", "ClusterIP")).await?;
    all.create(service("node", "NodePort")).await?;
    let counted = |services: &str, ports: &str| json!({"services": services, "services.nodeports": ports, "services.loadbalancers": "0"});
    used(ctx, "quota", counted("2", "1")).await?;
    refused(all.create(service("second", "NodePort")).await, 403).context("a second NodePort Service")?;
    refused(all.create(service("balanced", "LoadBalancer")).await, 403).context("a LoadBalancer with a node port")?;
    let mut without_ports = service("balanced", "LoadBalancer");
    without_ports["spec"]["allocateLoadBalancerNodePorts"] = json!(false);
    all.create(without_ports).await.context("a LoadBalancer without node ports")?;
    let third = json!({"services": "3", "services.nodeports": "1", "services.loadbalancers": "1"});
    used(ctx, "quota", third).await?;
    for name in ["cluster", "node", "balanced"] {
        all.delete(name).await?;
    }
    used(ctx, "quota", counted("0", "0")).await.context("after the deletes")
}

async fn status(ctx: &Ctx) -> Result<()> {
    let quotas = ctx.here("v1", "resourcequotas");
    create(ctx, "quota", json!({"hard": {"cpu": "500m", "memory": "500Mi"}})).await?;
    quotas.merge("quota", json!({"spec": {"hard": {"cpu": "1", "memory": "1Gi"}}})).await?;
    let follows = |it: &Value| is(it, "/status/hard", json!({"cpu": "1", "memory": "1Gi"}));
    quotas.when(30, "quota", follows).await.context("the status follows the spec")?;
    let spec = quotas.get("quota").await?["spec"].clone();
    let changed = quotas.edit("quota/status", |it| it["status"]["hard"] = json!({"cpu": "2", "memory": "2Gi"})).await?;
    is(&changed, "/spec", spec.clone()).context("an update of /status")?;
    // Upstream's controller looks at a quota whose spec did not change with its next full count, every 5 minutes.
    let found = quotas.when(330, "quota", follows).await.context("an update of /status is made right again")?;
    is(&found, "/spec", spec.clone())?;
    let patch = json!({"spec": {"hard": {"cpu": "9"}}, "status": {"hard": {"cpu": "3"}}});
    is(&quotas.merge("quota/status", patch).await?, "/spec", spec.clone()).context("a patch of /status")?;
    is(&quotas.get("quota").await?, "/spec", spec).context("after a patch of /status")?;
    has(&quotas.get("quota/status").await?, &json!({"metadata": {"name": "quota"}}))
}

async fn update_and_delete(ctx: &Ctx) -> Result<()> {
    let quotas = ctx.here("v1", "resourcequotas");
    create(ctx, "quota", json!({"hard": {"limits.cpu": "1", "limits.memory": "500Mi"}})).await?;
    let larger = json!({"limits.cpu": "2", "limits.memory": "1Gi"});
    quotas.edit("quota", |it| it["spec"]["hard"] = larger.clone()).await?;
    is(&quotas.get("quota").await?, "/spec/hard", larger)?;
    quotas.delete("quota").await?;
    refused(quotas.get("quota").await, 404).map(drop)
}

//! Traffic to Services: spread, affine, by node port, as Pods come and go; their status.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::ctx::Ctx;
use super::super::expect::text;
use super::super::pods;
use super::super::wait::until;
use super::{checks, deployments, endpoints};

checks! {
    "svc-nodeport" => node_port;
    "svc-cip-affinity" => affinity;
    "svc-cip-affinity-switch" => affinity_switch;
    "svc-endpoints" => follows_pods;
    "svc-status" => status;
}

/// So many web servers labelled `app=NAME`.
pub async fn servers(ctx: &Ctx, name: &str, replicas: i64) -> Result<()> {
    let all = ctx.here("apps/v1", "replicasets");
    let mut set = deployments::body(ctx, name, replicas);
    set["spec"]["template"]["spec"] = pods::web(ctx, "")["spec"].clone();
    all.create(set).await?;
    deployments::all_ready(&all, name, replicas).await.map(drop)
}

/// A Service of those servers.
pub async fn service(ctx: &Ctx, name: &str, spec: Value) -> Result<Value> {
    let mut all = json!({"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]});
    super::super::lifecycle::merge_into(&mut all, &spec);
    ctx.here("v1", "services").create(json!({"metadata": {"name": name}, "spec": all})).await
}

pub async fn client(ctx: &Ctx) -> Result<()> {
    pods::started(ctx, pods::idle(ctx, "client")).await.map(drop)
}

/// The names that so many requests are answered with.
async fn answers(ctx: &Ctx, url: &str, count: usize) -> Result<BTreeSet<String>> {
    let text = format!("i=0; while test $i -lt {count}; do timeout 5 wget -q -O - {url} || exit 1; i=$((i+1)); done");
    let printed = pods::exec(ctx, "client", &text).await?;
    Ok(printed.lines().map(str::to_owned).collect())
}

/// Waits until requests are answered by so many servers.
async fn answered_by(ctx: &Ctx, url: &str, count: usize) -> Result<()> {
    until(60, &format!("{url} to be answered by {count}"), async || {
        let found = answers(ctx, url, 20).await?;
        ensure!(found.len() == count, "{found:?} answer");
        Ok(())
    })
    .await
}

async fn node_port(ctx: &Ctx) -> Result<()> {
    servers(ctx, "web", 2).await?;
    let made = service(ctx, "web", json!({"type": "NodePort"})).await?;
    client(ctx).await?;
    reachable_everywhere(ctx, &made).await
}

/// By name, by ClusterIP and, where there is one, by the node port of every address of every node.
pub async fn reachable_everywhere(ctx: &Ctx, service: &Value) -> Result<()> {
    let port = &service["spec"]["ports"][0];
    let name = text(service, "/metadata/name")?;
    let mut urls = vec![
        format!("http://{name}:{}/hostname", port["port"]),
        format!("http://{}:{}/hostname", text(service, "/spec/clusterIP")?, port["port"]),
    ];
    if service["spec"]["type"] == "NodePort" {
        let list = ctx.everywhere("v1", "nodes").list("").await?;
        for node in super::super::collection::items(&list) {
            for address in node["status"]["addresses"].as_array().into_iter().flatten() {
                if address["type"] == "InternalIP" || address["type"] == "ExternalIP" {
                    let address = text(address, "/address")?;
                    urls.push(format!("http://{address}:{}/hostname", port["nodePort"]));
                }
            }
        }
    }
    for url in urls {
        pods::reaches(ctx, "client", &url).await?;
    }
    Ok(())
}

async fn affinity(ctx: &Ctx) -> Result<()> {
    servers(ctx, "web", 3).await?;
    service(ctx, "web", json!({"sessionAffinity": "ClientIP"})).await?;
    client(ctx).await?;
    pods::reaches(ctx, "client", "http://web/hostname").await?;
    // All endpoints are to be known first: a new one may be chosen for a client that is new.
    until(30, "three endpoints", async || {
        let count: usize =
            endpoints::slices(ctx, "web").await?.iter().map(|it| it["endpoints"].as_array().map_or(0, Vec::len)).sum();
        ensure!(count == 3, "there are {count}");
        Ok(())
    })
    .await?;
    let found = answers(ctx, "http://web/hostname", 30).await?;
    ensure!(found.len() == 1, "one client is answered by {found:?}");
    Ok(())
}

async fn affinity_switch(ctx: &Ctx) -> Result<()> {
    servers(ctx, "web", 3).await?;
    service(ctx, "web", json!({})).await?;
    client(ctx).await?;
    answered_by(ctx, "http://web/hostname", 3).await.context("without affinity")?;
    let services = ctx.here("v1", "services");
    services.merge("web", json!({"spec": {"sessionAffinity": "ClientIP"}})).await?;
    answered_by(ctx, "http://web/hostname", 1).await.context("with affinity")?;
    services.merge("web", json!({"spec": {"sessionAffinity": "None"}})).await?;
    answered_by(ctx, "http://web/hostname", 3).await.context("without affinity again")
}

async fn follows_pods(ctx: &Ctx) -> Result<()> {
    service(ctx, "web", json!({})).await?;
    client(ctx).await?;
    for (at, name) in ["pod1", "pod2"].iter().enumerate() {
        let mut pod = pods::web(ctx, name);
        pod["metadata"]["labels"] = json!({"app": "web"});
        pods::started(ctx, pod).await?;
        answered_by(ctx, "http://web/hostname", at + 1).await.with_context(|| format!("with {name}"))?;
    }
    ctx.pods().delete("pod1").await?;
    until(60, "only pod2 to answer", async || {
        let found = answers(ctx, "http://web/hostname", 10).await?;
        ensure!(found.iter().eq(["pod2"]), "{found:?} answer");
        Ok(())
    })
    .await?;
    ctx.pods().delete("pod2").await?;
    until(60, "nobody to answer", async || {
        let found = pods::exec(ctx, "client", "timeout 3 wget -q -O - http://web/hostname || echo nobody").await?;
        ensure!(found.trim() == "nobody", "{found:?} answers");
        Ok(())
    })
    .await
}

async fn status(ctx: &Ctx) -> Result<()> {
    let services = ctx.here("v1", "services");
    let spec = json!({"type": "LoadBalancer", "loadBalancerClass": "example.com/none", "ports": [{"name": "http", "port": 80}]});
    services.create(json!({"metadata": {"name": "service"}, "spec": spec})).await?;
    let mut watch = services.watch("fieldSelector=metadata.name%3Dservice").await?;
    let patched = json!({"metadata": {"annotations": {"patchedstatus": "true"}}, "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.1"}]}}});
    let condition = json!([{"type": "StatusUpdate", "status": "True", "reason": "Updated", "message": "set by a check", "lastTransitionTime": "2024-01-02T03:04:05Z"}]);
    super::super::lifecycle::status(&services, "service", [patched, json!({"status": {"conditions": condition}})])
        .await?;
    watch.see(20, "MODIFIED", |it| it["status"]["loadBalancer"]["ingress"][0]["ip"] == "203.0.113.1").await?;
    watch.see(20, "MODIFIED", |it| it["status"]["conditions"][0]["reason"] == "Updated").await?;
    services.merge("service", json!({"metadata": {"labels": {"patched": "yes"}}})).await?;
    watch.see(20, "MODIFIED", |it| it["metadata"]["labels"]["patched"] == "yes").await?;
    services.delete("service").await?;
    watch.see(20, "DELETED", |_| true).await.map(drop)
}

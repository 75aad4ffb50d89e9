//! Services that become of another type.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::ctx::Ctx;
use super::super::expect::{is, text};
use super::services::{client, reachable_everywhere, servers};
use super::{checks, dns};

checks! {
    "svc-extname-to-cip" => from_external, "ClusterIP";
    "svc-extname-to-nodeport" => from_external, "NodePort";
    "svc-nodeport-to-extname" => to_external;
}

async fn from_external(ctx: &Ctx, to: &str) -> Result<()> {
    let services = ctx.here("v1", "services");
    let spec = json!({"type": "ExternalName", "externalName": "outside.example.com"});
    let made = services.create(json!({"metadata": {"name": "web"}, "spec": spec})).await?;
    is(&made, "/spec/clusterIP", Value::Null)?;
    servers(ctx, "web", 2).await?;
    let changed = services
        .edit("web", |it| {
            it["spec"]["type"] = json!(to);
            it["spec"]["externalName"] = Value::Null;
            it["spec"]["selector"] = json!({"app": "web"});
            it["spec"]["ports"] = json!([{"name": "http", "port": 80, "protocol": "TCP"}]);
        })
        .await?;
    text(&changed, "/spec/clusterIP")?;
    let has_port = changed["spec"]["ports"][0]["nodePort"].as_i64().is_some_and(|port| port > 0);
    ensure!(has_port == (to == "NodePort"), "the ports are {}", changed["spec"]["ports"]);
    client(ctx).await?;
    reachable_everywhere(ctx, &changed).await
}

async fn to_external(ctx: &Ctx) -> Result<()> {
    let services = ctx.here("v1", "services");
    let spec = json!({"type": "NodePort", "selector": {"app": "web"}, "ports": [{"name": "http", "port": 80}]});
    let made = services.create(json!({"metadata": {"name": "web"}, "spec": spec})).await?;
    ensure!(made["spec"]["ports"][0]["nodePort"].as_i64() > Some(0), "the ports are {}", made["spec"]["ports"]);
    let target = format!("kubernetes.default.svc.{}", ctx.settings.domain);
    let changed = services
        .edit("web", |it| {
            it["spec"]["type"] = json!("ExternalName");
            it["spec"]["externalName"] = json!(target);
        })
        .await?;
    is(&changed, "/spec/clusterIP", Value::Null).context("the ClusterIP is given back")?;
    is(&changed, "/spec/ports/0/nodePort", Value::Null).context("the node port is given back")?;
    client(ctx).await?;
    let name = format!("web.{}.svc.{}.", ctx.ns, ctx.settings.domain);
    dns::looked_up(ctx, "cname", &name, &target).await.map(drop)
}

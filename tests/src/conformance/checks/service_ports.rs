//! Services of several ports and protocols.

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::super::ctx::Ctx;
use super::super::expect::text;
use super::super::pods;
use super::super::wait::until;
use super::checks;
use super::services::{client, service};

checks! {
    "svc-multiport" => many_ports;
    "eps-multi-port" => one_address_two_ports;
    "svc-same-port-protos" => both_protocols;
}

/// A server of one named port, behind a Service that has two.
async fn many_ports(ctx: &Ctx) -> Result<()> {
    let ports = json!([
        {"name": "portname1", "port": 80, "targetPort": "svc1"},
        {"name": "portname2", "port": 81, "targetPort": "svc2"},
    ]);
    service(ctx, "web", json!({"ports": ports})).await?;
    client(ctx).await?;
    for (name, port, url) in [("pod1", "svc1", "http://web:80/hostname"), ("pod2", "svc2", "http://web:81/hostname")] {
        let mut pod = pods::with(pods::web(ctx, name), json!({"ports": [{"name": port, "containerPort": 80}]}));
        pod["metadata"]["labels"] = json!({"app": "web"});
        pods::started(ctx, pod).await?;
        let found = pods::reaches(ctx, "client", url).await?;
        ensure!(found.trim() == name, "{url} is answered by {found:?}");
    }
    ctx.pods().delete("pod1").await?;
    until(60, "nobody on the first port", async || {
        let found = pods::exec(ctx, "client", "timeout 3 wget -q -O - http://web:80/hostname || echo nobody").await?;
        ensure!(found.trim() == "nobody", "{found:?} answers");
        Ok(())
    })
    .await?;
    let found = pods::reaches(ctx, "client", "http://web:81/hostname").await?;
    ensure!(found.trim() == "pod2", "the second port is answered by {found:?}");
    Ok(())
}

/// A Service without a selector, whose slices by hand lead to one Pod's two ports.
async fn one_address_two_ports(ctx: &Ctx) -> Result<()> {
    let serve = |port: u16| {
        format!("mkdir -p /tmp/{port}; echo port-{port} > /tmp/{port}/name; httpd -p {port} -h /tmp/{port}")
    };
    let script = format!("{}; {}; {}", serve(8090), serve(8091), pods::IDLE);
    let pod = pods::started(ctx, pods::script(ctx, "server", &script)).await?;
    let address = text(&pod, "/status/podIP")?;
    let ports = json!([{"name": "one", "port": 8090}, {"name": "two", "port": 8091}]);
    ctx.here("v1", "services").create(json!({"metadata": {"name": "web"}, "spec": {"ports": ports}})).await?;
    for (name, port) in [("one", 8090), ("two", 8091)] {
        let labels =
            json!({"kubernetes.io/service-name": "web", "endpointslice.kubernetes.io/managed-by": "conformance"});
        let slice = json!({
            "metadata": {"name": format!("web-{name}"), "labels": labels}, "addressType": "IPv4",
            "endpoints": [{"addresses": [address]}], "ports": [{"name": name, "port": port, "protocol": "TCP"}],
        });
        ctx.here("discovery.k8s.io/v1", "endpointslices").create(slice).await?;
    }
    client(ctx).await?;
    for port in [8090, 8091] {
        let found = pods::reaches(ctx, "client", &format!("http://web:{port}/name")).await?;
        ensure!(found.trim() == format!("port-{port}"), "port {port} is answered with {found:?}");
    }
    Ok(())
}

/// One port number for TCP and UDP, forwarded each to its own server; each can be taken away alone.
async fn both_protocols(ctx: &Ctx) -> Result<()> {
    const PORT: i64 = 80;
    let serve = format!(
        "(while true; do hostname | nc.openbsd -u -l -w 1 {PORT} > /dev/null; done) & mkdir -p /tmp/www; hostname > /tmp/www/hostname; httpd -p {PORT} -h /tmp/www; {}",
        pods::IDLE
    );
    let mut pod = pods::with(pods::script(ctx, "server", &serve), json!({"image": ctx.netcat()}));
    pod["metadata"]["labels"] = json!({"app": "web"});
    pods::started(ctx, pod).await?;
    let port = |protocol: &str| json!({"name": protocol.to_lowercase(), "port": PORT, "protocol": protocol});
    let made = service(ctx, "web", json!({"ports": [port("TCP"), port("UDP")]})).await?;
    let address = text(&made, "/spec/clusterIP")?;
    pods::started(ctx, pods::with(pods::idle(ctx, "client"), json!({"image": ctx.netcat()}))).await?;
    let url = format!("http://{address}/hostname");
    pods::reaches(ctx, "client", &url).await.context("TCP")?;
    pods::answers_datagrams(ctx, "client", (address, PORT), "server").await.context("UDP")?;
    let services = ctx.here("v1", "services");
    services.edit("web", |it| it["spec"]["ports"] = json!([port("UDP")])).await?;
    let silent = |ask: String, what: &'static str| async move {
        until(60, what, async || {
            let found = pods::exec(ctx, "client", &ask).await?;
            ensure!(found.trim().is_empty(), "{found:?} answers");
            Ok(())
        })
        .await
    };
    silent(format!("timeout 3 wget -q -O - {url} || true"), "TCP to be forwarded no more").await?;
    pods::answers_datagrams(ctx, "client", (address, PORT), "server").await.context("UDP alone")?;
    services.edit("web", |it| it["spec"]["ports"] = json!([port("TCP")])).await?;
    let ask = format!("echo hello | timeout 3 nc.openbsd -u -w 1 {address} {PORT} || true");
    silent(ask, "UDP to be forwarded no more").await?;
    pods::reaches(ctx, "client", &url).await.context("TCP alone").map(drop)
}

//! Pods reached from Pods and from nodes, by TCP and UDP, and through their nodes' ports.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::collection::name_of;
use super::super::ctx::Ctx;
use super::super::expect::text;
use super::super::pods;
use super::super::wait::until;
use super::{checks, daemon_sets};

checks! {
    "net-node-pod-http" => from_nodes, false, true;
    "net-node-pod-udp" => from_nodes, true, true;
    "net-pod-pod-udp" => from_nodes, true, false;
    "hostport-noconflict" => host_ports;
}

/// A server on every node, each asked from every node's own network or from a Pod on it.
async fn from_nodes(ctx: &Ctx, by_datagram: bool, host_network: bool) -> Result<()> {
    let nodes = daemon_sets::every_node(ctx).await?;
    let mut servers = daemon_sets::body(ctx, "servers");
    let server = if by_datagram { pods::datagrams(ctx, "", 8081) } else { pods::web(ctx, "") };
    servers["spec"]["template"]["spec"] = server["spec"].clone();
    let mut callers = daemon_sets::body(ctx, "callers");
    let spec = &mut callers["spec"]["template"]["spec"];
    spec["hostNetwork"] = json!(host_network);
    spec["containers"][0]["image"] = json!(ctx.netcat());
    for mut set in [servers, callers] {
        set["spec"]["template"]["spec"]["restartPolicy"] = json!("Always");
        daemon_sets::all(ctx).create(set).await?;
    }
    for name in ["servers", "callers"] {
        daemon_sets::runs_on(ctx, name, &nodes).await?;
    }
    let servers = ctx.pods().labelled("app=servers").await?;
    for caller in ctx.pods().labelled("app=callers").await? {
        for server in &servers {
            let (address, name) = (text(server, "/status/podIP")?, name_of(server));
            match by_datagram {
                true => pods::answers_datagrams(ctx, name_of(&caller), (address, 8081), name).await?,
                false => answers(ctx, name_of(&caller), &format!("http://{address}/hostname"), name).await?,
            }
        }
    }
    Ok(())
}

/// Waits until a URL is answered by this Pod.
async fn answers(ctx: &Ctx, from: &str, url: &str, name: &str) -> Result<()> {
    until(60, &format!("{name} to answer {url} from {from}"), async || {
        let found = pods::wget(ctx, from, url).await?;
        ensure!(found.trim() == name, "{found:?} answers");
        Ok(())
    })
    .await
}

/// One port of one node, three times: at the loopback address, at the node's address, and there for datagrams.
async fn host_ports(ctx: &Ctx) -> Result<()> {
    const PORT: i64 = 54323;
    let (node, address) = pods::nodes(ctx).await?.remove(0);
    let placed = |pod: Value, host: &str, protocol: &str, port: u16| {
        let ports = json!([{"containerPort": port, "hostPort": PORT, "hostIP": host, "protocol": protocol}]);
        let on = json!({"nodeSelector": {"kubernetes.io/hostname": node}});
        pods::with_spec(pods::with(pod, json!({"ports": ports})), on)
    };
    pods::started(ctx, placed(pods::web(ctx, "pod1"), "127.0.0.1", "TCP", 80)).await?;
    pods::started(ctx, placed(pods::web(ctx, "pod2"), &address, "TCP", 80)).await.context("another hostIP")?;
    let datagrams = placed(pods::datagrams(ctx, "pod3", 8081), &address, "UDP", 8081);
    pods::started(ctx, datagrams).await.context("another protocol")?;
    let client = pods::with(pods::idle(ctx, "client"), json!({"image": ctx.netcat()}));
    let on = json!({"hostNetwork": true, "nodeSelector": {"kubernetes.io/hostname": node}});
    pods::started(ctx, pods::with_spec(client, on)).await?;
    answers(ctx, "client", &format!("http://127.0.0.1:{PORT}/hostname"), "pod1").await?;
    answers(ctx, "client", &format!("http://{address}:{PORT}/hostname"), "pod2").await?;
    pods::answers_datagrams(ctx, "client", (&address, PORT), "pod3").await
}

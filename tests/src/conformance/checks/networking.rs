//! Pods reached from nodes.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::super::ctx::Ctx;
use super::super::expect::text;
use super::super::pods;
use super::super::wait::until;
use super::{checks, daemon_sets};

checks! {
    "net-node-pod-http" => from_nodes;
}

/// A web server on every node, each asked from every node's own network.
async fn from_nodes(ctx: &Ctx) -> Result<()> {
    let nodes = daemon_sets::every_node(ctx).await?;
    let mut servers = daemon_sets::body(ctx, "servers");
    servers["spec"]["template"]["spec"] = pods::web(ctx, "")["spec"].clone();
    daemon_sets::all(ctx).create(servers).await?;
    let mut callers = daemon_sets::body(ctx, "callers");
    callers["spec"]["template"]["spec"]["hostNetwork"] = json!(true);
    daemon_sets::all(ctx).create(callers).await?;
    for name in ["servers", "callers"] {
        daemon_sets::runs_on(ctx, name, &nodes).await?;
    }
    let named = |pod: &Value| super::super::collection::name_of(pod).to_owned();
    let servers = ctx.pods().labelled("app=servers").await?;
    for caller in ctx.pods().labelled("app=callers").await? {
        for server in &servers {
            let url = format!("http://{}/hostname", text(server, "/status/podIP")?);
            until(60, &format!("{url} from {}", caller["spec"]["nodeName"]), async || {
                let found = pods::wget(ctx, &named(&caller), &url).await?;
                ensure!(found.trim() == named(server), "{found:?} answers, expected {}", named(server));
                Ok(())
            })
            .await?;
        }
    }
    Ok(())
}

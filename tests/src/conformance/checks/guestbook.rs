//! A guestbook of three parts from YAML: what is written through the front is kept by the primary and read through a replica.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::ctx::Ctx;
use super::super::pods;
use super::super::wait::until;
use super::deployments::all_ready;
use super::{checks, deployments};

checks! {
    "kc-guestbook" => guestbook;
}

/// Each part is a web server's program.
const PARTS: [(&str, i64, &str); 3] = [
    (
        "primary",
        1,
        "case \"$QUERY_STRING\" in set=*) echo \"${QUERY_STRING#set=}\" > /tmp/value;; esac; cat /tmp/value 2>/dev/null",
    ),
    ("replica", 2, "wget -q -O - http://primary/cgi-bin/part"),
    (
        "frontend",
        3,
        "case \"$QUERY_STRING\" in set=*) wget -q -O - \"http://primary/cgi-bin/part?$QUERY_STRING\";; *) wget -q -O - http://replica/cgi-bin/part;; esac",
    ),
];

fn part(ctx: &Ctx, name: &str, replicas: i64, program: &str) -> [Value; 2] {
    let file = format!("#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\n'\n{program}\n");
    let install =
        "mkdir -p /tmp/www/cgi-bin; printf '%s' \"$PROGRAM\" > /tmp/www/cgi-bin/part; chmod +x /tmp/www/cgi-bin/part";
    let serve = format!("{install}; httpd -p 80 -h /tmp/www; {}", pods::IDLE);
    let mut deployment = deployments::body(ctx, name, replicas);
    deployment["apiVersion"] = json!("apps/v1");
    deployment["kind"] = json!("Deployment");
    let container = &mut deployment["spec"]["template"]["spec"]["containers"][0];
    container["command"] = json!(["sh", "-c", serve]);
    container["env"] = json!([{"name": "PROGRAM", "value": file.replace("$(", "$$(")}]);
    let spec = json!({"selector": {"app": name}, "ports": [{"port": 80}]});
    [deployment, json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec})]
}

async fn guestbook(ctx: &Ctx) -> Result<()> {
    let objects: Vec<Value> =
        PARTS.iter().flat_map(|(name, replicas, program)| part(ctx, name, *replicas, program)).collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    ctx.kubectl_with(&["create", "-f", "-"], &list.to_string()).await?;
    for (name, replicas, _) in PARTS {
        all_ready(&ctx.here("apps/v1", "deployments"), name, replicas).await.context(name)?;
    }
    let path = format!("/api/v1/namespaces/{}/services/frontend/proxy/cgi-bin/part", ctx.ns);
    let ask = async |query: &str| {
        let path = format!("{path}{query}");
        Ok::<_, anyhow::Error>(ctx.api.ask("GET", &path).header("accept", "*/*").done().await?.text())
    };
    until(60, "the front to take an entry", async || {
        let found = ask("?set=TestEntry").await?;
        ensure!(found.trim() == "TestEntry", "it answers {found:?}");
        Ok(())
    })
    .await?;
    until(60, "the entry to be read back", async || {
        let found = ask("").await?;
        ensure!(found.trim() == "TestEntry", "it is {found:?}");
        Ok(())
    })
    .await?;
    ctx.kubectl_with(&["delete", "-f", "-"], &list.to_string()).await.map(drop)
}

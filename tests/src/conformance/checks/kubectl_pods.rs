//! kubectl with Pods and what makes them.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::ctx::Ctx;
use super::super::expect::{contains, is};
use super::super::pods::{self, POD_SECONDS};
use super::super::wait::until;
use super::deployments::all_ready;
use super::{checks, replication_controllers};

checks! {
    "kc-describe" => describe;
    "kc-expose" => expose;
    "kc-label" => label;
    "kc-replace" => replace;
    "kc-run" => run;
    "kc-rc-create" => create;
    "kc-rc-scale" => scale;
    "kc-logs" => logs;
}

/// A ReplicationController from YAML, as kubectl is given it.
async fn controller(ctx: &Ctx, replicas: i64) -> Result<Value> {
    let mut body = replication_controllers::body(ctx, "rc", replicas);
    body["apiVersion"] = json!("v1");
    body["kind"] = json!("ReplicationController");
    ctx.kubectl_with(&["create", "-f", "-"], &body.to_string()).await?;
    all_ready(&ctx.here("v1", "replicationcontrollers"), "rc", replicas).await
}

async fn create(ctx: &Ctx) -> Result<()> {
    controller(ctx, 2).await?;
    let running = ctx.kubectl(&["get", "pods", "-l", "app=rc", "--no-headers"]).await?;
    ensure!(running.lines().filter(|line| line.contains("Running")).count() == 2, "kubectl get shows {running:?}");
    ctx.kubectl(&["delete", "rc", "rc"]).await?;
    ctx.pods().none_left(60, "app=rc").await
}

async fn scale(ctx: &Ctx) -> Result<()> {
    controller(ctx, 2).await?;
    for replicas in [1, 2] {
        ctx.kubectl(&["scale", "rc", "rc", &format!("--replicas={replicas}"), "--timeout=2m"]).await?;
        all_ready(&ctx.here("v1", "replicationcontrollers"), "rc", replicas).await?;
        until(60, &format!("{replicas} Pods"), async || {
            let found = ctx.pods().labelled("app=rc").await?.len();
            ensure!(i64::try_from(found)? == replicas, "there are {found}");
            Ok(())
        })
        .await?;
    }
    Ok(())
}

async fn run(ctx: &Ctx) -> Result<()> {
    let image = format!("--image={}", ctx.nginx());
    ctx.kubectl(&["run", "pod", "--restart=Never", &image]).await?;
    let pod = ctx.pods().get("pod").await?;
    ensure!(pod["spec"]["containers"].as_array().map(Vec::len) == Some(1), "it has {}", pod["spec"]["containers"]);
    is(&pod, "/spec/containers/0/image", ctx.nginx())?;
    is(&pod, "/spec/restartPolicy", "Never")
}

async fn label(ctx: &Ctx) -> Result<()> {
    pods::started(ctx, pods::idle(ctx, "pod")).await?;
    ctx.kubectl(&["label", "pods", "pod", "testing-label=testing-label-value"]).await?;
    let shown = ctx.kubectl(&["get", "pod", "pod", "-L", "testing-label"]).await?;
    contains(&shown, "testing-label-value")?;
    ctx.kubectl(&["label", "pods", "pod", "testing-label-"]).await?;
    let shown = ctx.kubectl(&["get", "pod", "pod", "-L", "testing-label"]).await?;
    ensure!(!shown.contains("testing-label-value"), "it is still shown: {shown:?}");
    Ok(())
}

async fn replace(ctx: &Ctx) -> Result<()> {
    let image = format!("--image={}", ctx.nginx());
    ctx.kubectl(&["run", "pod", &image, "--labels=run=pod"]).await?;
    pods::ready(ctx, "pod").await?;
    let printed = ctx.kubectl(&["get", "pod", "pod", "-o", "json"]).await?;
    ctx.kubectl_with(&["replace", "-f", "-"], &printed.replace(&ctx.nginx(), &ctx.nginx_newer())).await?;
    is(&ctx.pods().get("pod").await?, "/spec/containers/0/image", ctx.nginx_newer())
}

async fn logs(ctx: &Ctx) -> Result<()> {
    let text = format!("i=0; while test $i -lt 100; do echo line-$i of the log; i=$((i+1)); done; {}", pods::IDLE);
    pods::started(ctx, pods::script(ctx, "pod", &text)).await?;
    pods::logs_with(ctx, "pod", "line-99").await?;
    let printed = ctx.kubectl(&["logs", "pod", "--tail=1"]).await?;
    ensure!(printed == "line-99 of the log\n", "--tail=1 printed {printed:?}");
    let printed = ctx.kubectl(&["logs", "pod", "--limit-bytes=1"]).await?;
    ensure!(printed == "l", "--limit-bytes=1 printed {printed:?}");
    let printed = ctx.kubectl(&["logs", "pod", "--tail=1", "--timestamps"]).await?;
    let (time, rest) = printed.split_once(' ').unwrap_or_default();
    let shape: String = time.chars().map(|it| if it.is_ascii_digit() { '0' } else { it }).collect();
    ensure!(
        shape.starts_with("0000-00-00T00:00:00") && rest == "line-99 of the log\n",
        "--timestamps printed {printed:?}"
    );
    ensure!(shape.ends_with('Z') || shape.ends_with("00:00"), "{time:?} is no time as RFC 3339 has it");
    let printed = ctx.kubectl(&["logs", "pod", "--since=24h"]).await?;
    ensure!(printed.lines().count() == 100, "--since=24h printed {} lines", printed.lines().count());
    until(POD_SECONDS, "nothing new within a second", async || {
        let printed = ctx.kubectl(&["logs", "pod", "--since=1s"]).await?;
        ensure!(printed.is_empty(), "--since=1s printed {} lines", printed.lines().count());
        Ok(())
    })
    .await
}

async fn expose(ctx: &Ctx) -> Result<()> {
    controller(ctx, 1).await?;
    ctx.kubectl(&["expose", "rc", "rc", "--name=rm2", "--port=1234", "--target-port=6379"]).await?;
    exposed(ctx, "rm2", 1234).await?;
    ctx.kubectl(&["expose", "service", "rm2", "--name=rm3", "--port=2345", "--target-port=6379"]).await?;
    exposed(ctx, "rm3", 2345).await
}

async fn exposed(ctx: &Ctx, name: &str, port: i64) -> Result<()> {
    let service = ctx.here("v1", "services").get(name).await?;
    is(&service, "/spec/ports/0/port", port)?;
    is(&service, "/spec/ports/0/targetPort", 6379)?;
    let live = |it: &Value| {
        is(it, "/subsets/0/ports/0/port", 6379)?;
        let count = it["subsets"][0]["addresses"].as_array().map_or(0, Vec::len);
        ensure!(count == 1, "there are {count} addresses");
        Ok(())
    };
    ctx.here("v1", "endpoints").when(60, name, live).await.with_context(|| format!("Endpoints {name}")).map(drop)
}

/// What describe has to print, by kind.
const DESCRIBED: [(&str, &str); 5] = [
    (
        "pod",
        "Name:|Namespace:|Node:|Labels:|app=rc|Status:|Running|IP:|Controlled By:|ReplicationController/rc|Image:|State:|QoS Class:|Events:",
    ),
    (
        "rc",
        "Name:|Namespace:|Selector:|app=rc|Labels:|Annotations:|Replicas:|1 current|1 desired|Pods Status:|1 Running|Pod Template:|Image:|Events:",
    ),
    (
        "service",
        "Name:|Namespace:|Labels:|app=rc|Selector:|Type:|ClusterIP|IP:|Port:|6379/TCP|Endpoints:|Session Affinity:",
    ),
    (
        "node",
        "Name:|Labels:|Annotations:|CreationTimestamp:|Conditions:|Type|Status|LastHeartbeatTime|Addresses:|Capacity:|Version:|Kernel Version:|Container Runtime Version:|Kubelet Version:|Pods:",
    ),
    ("namespace", "Name:|Labels:|Annotations:|Status:|Active|No resource quota|No LimitRange resource"),
];

async fn describe(ctx: &Ctx) -> Result<()> {
    controller(ctx, 1).await?;
    let spec = json!({"selector": {"app": "rc"}, "ports": [{"port": 6379}]});
    let metadata = json!({"name": "service", "labels": {"app": "rc"}});
    ctx.here("v1", "services").create(json!({"metadata": metadata, "spec": spec})).await?;
    let pod = ctx.pods().labelled("app=rc").await?.remove(0);
    let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    for (kind, parts) in DESCRIBED {
        let name = match kind {
            "pod" => text("/metadata/name"),
            "node" => text("/spec/nodeName"),
            "namespace" => &ctx.ns,
            other => other,
        };
        let printed = ctx.kubectl(&["describe", kind, name]).await?;
        for part in parts.split('|').chain([name]) {
            contains(&printed, part).with_context(|| format!("describe {kind}"))?;
        }
        if kind == "pod" {
            contains(&printed, text("/status/podIP"))?;
        }
    }
    Ok(())
}

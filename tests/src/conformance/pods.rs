//! Pods for checks: built from a script or an image, run to their end or until Ready, read through logs.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::api::escaped;
use super::ctx::Ctx;
use super::expect::condition;
use super::wait::until;

/// How long a Pod may take to start, run a short script, or go.
pub const POD_SECONDS: u64 = 90;

/// A Pod whose container `main` runs a script once.
pub fn script(ctx: &Ctx, name: &str, text: &str) -> Value {
    json!({"metadata": {"name": name, "labels": {"name": name}}, "spec": {
        "restartPolicy": "Never", "terminationGracePeriodSeconds": 1,
        "containers": [{"name": "main", "image": ctx.busybox(), "command": ["sh", "-c", text]}],
    }})
}

/// A Pod that does nothing until it is told to end.
pub fn idle(ctx: &Ctx, name: &str) -> Value {
    script(ctx, name, IDLE)
}

/// What [`idle`] runs: ends at once when asked.
pub const IDLE: &str = "trap 'exit 0' TERM; sleep 1000000 & wait";

/// A Pod whose container `main` is a web server on port 80.
pub fn web(ctx: &Ctx, name: &str) -> Value {
    json!({"metadata": {"name": name, "labels": {"name": name}}, "spec": {
        "terminationGracePeriodSeconds": 1,
        "containers": [{"name": "main", "image": ctx.nginx(), "ports": [{"containerPort": 80}]}],
    }})
}

/// A Pod that answers every datagram at this port with its own name.
pub fn datagrams(ctx: &Ctx, name: &str, port: u16) -> Value {
    let answer = format!("(while true; do hostname | nc.openbsd -u -l -w 1 {port} > /dev/null; done) & {IDLE}");
    with(script(ctx, name, &answer), json!({"image": ctx.netcat()}))
}

/// Waits until a datagram is answered by this Pod; `from` has the netcat image.
pub async fn answers_datagrams(ctx: &Ctx, from: &str, address: (&str, i64), name: &str) -> Result<()> {
    let (host, port) = address;
    let ask = format!("echo hello | timeout 4 nc.openbsd -u -w 1 {host} {port} || true");
    until(60, &format!("{name} to answer datagrams at {host}:{port}"), async || {
        let found = exec(ctx, from, &ask).await?;
        ensure!(found.trim() == name, "{found:?} answers");
        Ok(())
    })
    .await
}

/// The template of a workload: an idle container with these labels.
pub fn template(ctx: &Ctx, labels: &Value) -> Value {
    let mut pod = idle(ctx, "");
    pod["spec"]["restartPolicy"] = json!("Always");
    json!({"metadata": {"labels": labels}, "spec": pod["spec"]})
}

/// Puts fields into a Pod's first container.
pub fn with(mut pod: Value, container: Value) -> Value {
    super::lifecycle::merge_into(&mut pod["spec"]["containers"][0], &container);
    pod
}

/// Puts fields into a Pod's spec.
pub fn with_spec(mut pod: Value, spec: Value) -> Value {
    super::lifecycle::merge_into(&mut pod["spec"], &spec);
    pod
}

/// Adds a volume, mounted into the first container.
pub fn with_volume(mut pod: Value, name: &str, path: &str, source: Value) -> Value {
    let mut volume = source;
    volume["name"] = json!(name);
    push(&mut pod["spec"]["volumes"], volume);
    push(&mut pod["spec"]["containers"][0]["volumeMounts"], json!({"name": name, "mountPath": path}));
    pod
}

/// Appends to a list that may not be there yet.
pub fn push(list: &mut Value, item: Value) {
    match list {
        Value::Array(items) => items.push(item),
        other => *other = json!([item]),
    }
}

fn name(pod: &Value) -> Result<&str> {
    pod["metadata"]["name"].as_str().context("a Pod has a name")
}

/// Creates a Pod, waits until it has ended well, gives what `main` printed.
pub async fn output(ctx: &Ctx, pod: Value) -> Result<String> {
    let made = ctx.pods().create(pod).await?;
    let ended = phase(ctx, name(&made)?, "Succeeded").await;
    let printed = logs(ctx, name(&made)?, "main").await;
    match ended {
        Ok(_) => printed,
        Err(error) => Err(error.context(format!("its log is {printed:?}"))),
    }
}

/// Creates a Pod, waits until it is Ready.
pub async fn started(ctx: &Ctx, pod: Value) -> Result<Value> {
    let made = ctx.pods().create(pod).await?;
    ready(ctx, name(&made)?).await
}

/// Waits until a Pod is Ready.
pub async fn ready(ctx: &Ctx, name: &str) -> Result<Value> {
    ctx.pods()
        .when(POD_SECONDS, name, |pod| {
            ensure!(condition(pod, "Ready") == "True", "it is not Ready: {}", told(pod));
            Ok(())
        })
        .await
}

/// Waits until a Pod is in a phase; ending in another final one is an error at once.
pub async fn phase(ctx: &Ctx, name: &str, wanted: &str) -> Result<Value> {
    let pod = ctx
        .pods()
        .when(POD_SECONDS, name, |pod| {
            let phase = pod["status"]["phase"].as_str().unwrap_or_default();
            ensure!(phase == wanted || phase == "Failed" || phase == "Succeeded", "it is {phase}: {}", told(pod));
            Ok(())
        })
        .await?;
    ensure!(
        pod["status"]["phase"] == wanted,
        "Pod {name} is {}, expected {wanted}: {}",
        pod["status"]["phase"],
        told(&pod)
    );
    Ok(pod)
}

/// What a Pod's status says about why it is as it is, short.
fn told(pod: &Value) -> String {
    let status = &pod["status"];
    let waits: Vec<String> = ["initContainerStatuses", "containerStatuses"]
        .iter()
        .flat_map(|list| status[*list].as_array().into_iter().flatten())
        .map(|container| format!("{} {}", container["name"], container["state"]))
        .collect();
    let scheduled = super::expect::conditions(pod).find(|it| it["type"] == "PodScheduled" && it["status"] == "False");
    let unscheduled = scheduled.map(|it| it["message"].to_string()).unwrap_or_default();
    format!("{} {} {unscheduled} {}", status["reason"], status["message"], waits.join(", "))
}

/// What a container has printed.
pub async fn logs(ctx: &Ctx, pod: &str, container: &str) -> Result<String> {
    let path = format!("/api/v1/namespaces/{}/pods/{pod}/log?container={container}", ctx.ns);
    Ok(ctx.api.ask("GET", &path).header("accept", "*/*").done().await?.text())
}

/// Waits until a container has printed a text.
pub async fn logs_with(ctx: &Ctx, pod: &str, part: &str) -> Result<String> {
    until(POD_SECONDS, &format!("the log of {pod} to have {part:?}"), async || {
        let text = logs(ctx, pod, "main").await?;
        ensure!(text.contains(part), "it is {text:?}");
        Ok(text)
    })
    .await
}

/// Runs a command in a Pod's container `main`; it has to succeed. Gives stdout.
pub async fn exec(ctx: &Ctx, pod: &str, command: &str) -> Result<String> {
    exec_in(ctx, pod, "main", command).await
}

/// As [`exec`], in another container.
pub async fn exec_in(ctx: &Ctx, pod: &str, container: &str, command: &str) -> Result<String> {
    let words: String = ["sh", "-c", command].iter().map(|word| format!("&command={}", escaped(word))).collect();
    let path =
        format!("/api/v1/namespaces/{}/pods/{pod}/exec?container={container}&stdout=true&stderr=true{words}", ctx.ns);
    let ended = super::stream::exec(&ctx.api, &path).await.with_context(|| format!("exec {command:?} in {pod}"))?;
    if ended.status["status"] != "Success" {
        bail!("{command:?} in {pod} ended with {}, printed {:?} {:?}", ended.status, ended.out, ended.err);
    }
    Ok(ended.out)
}

/// Waits until a command in `main` prints a text.
pub async fn exec_has(ctx: &Ctx, pod: &str, command: &str, part: &str) -> Result<String> {
    until(POD_SECONDS, &format!("{command:?} in {pod} to print {part:?}"), async || {
        let out = exec(ctx, pod, command).await?;
        ensure!(out.contains(part), "it prints {out:?}");
        Ok(out)
    })
    .await
}

/// GET from inside a Pod by busybox's wget; the body.
pub async fn wget(ctx: &Ctx, from: &str, url: &str) -> Result<String> {
    exec(ctx, from, &format!("timeout 5 wget -q -O - '{url}'")).await
}

/// Waits until a URL answers, from inside a Pod.
pub async fn reaches(ctx: &Ctx, from: &str, url: &str) -> Result<String> {
    until(60, &format!("{url} from {from}"), async || wget(ctx, from, url).await).await
}

/// The addresses of nodes that take Pods, by name.
pub async fn nodes(ctx: &Ctx) -> Result<Vec<(String, String)>> {
    let list = ctx.everywhere("v1", "nodes").list("").await?;
    let nodes = super::collection::items(&list);
    let takes = |node: &&Value| {
        let blocked = |taint: &Value| taint["effect"] == "NoSchedule" || taint["effect"] == "NoExecute";
        let tainted = node["spec"]["taints"].as_array().into_iter().flatten().any(blocked);
        condition(node, "Ready") == "True" && node["spec"]["unschedulable"] != true && !tainted
    };
    let address = |node: &Value| {
        let addresses = node["status"]["addresses"].as_array().into_iter().flatten();
        let internal = addresses.into_iter().find(|address| address["type"] == "InternalIP")?;
        Some((super::collection::name_of(node).to_owned(), internal["address"].as_str()?.to_owned()))
    };
    let found: Vec<_> = nodes.iter().filter(takes).filter_map(address).collect();
    ensure!(!found.is_empty(), "no node takes Pods");
    Ok(found)
}

//! Pods as objects with a life: created, changed, deleted, failed in time; generations and addresses.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::collection::{by_label, name_of};
use super::super::ctx::Ctx;
use super::super::expect::{contains, is};
use super::super::pods::{self, POD_SECONDS};
use super::super::wait::{holds, until};
use super::checks;

checks! {
    "podgen-delete" => generation_at_deletion;
    "podgen-updates" => generations;
    "pod-delcol" => delete_collection;
    "pod-status-patch" => status_patch;
    "pod-deadline" => deadline;
    "pod-submit-remove" => submit_and_remove;
    "pod-svc-env" => service_environment;
    "pod-hostip" => host_address;
    "kubelet-del-failed" => delete_failing;
    "kubelet-term-reason" => terminated_reason;
    "restart-policy-phases" => restart_policies;
}

async fn generation_at_deletion(ctx: &Ctx) -> Result<()> {
    let mut pod = pods::with_spec(pods::idle(ctx, "pod"), json!({"terminationGracePeriodSeconds": 30}));
    pod["metadata"]["generation"] = json!(100);
    pod["metadata"]["finalizers"] = json!(["conformance.example.com/hold"]);
    is(&ctx.pods().create(pod).await?, "/metadata/generation", 1).context("a generation that the client sets")?;
    pods::ready(ctx, "pod").await?;
    ctx.pods().delete("pod").await?;
    let deleted = ctx.pods().get("pod").await?;
    ctx.pods().merge("pod", json!({"metadata": {"finalizers": null}})).await?;
    is(&deleted, "/metadata/generation", 2).context("after a graceful delete")
}

async fn generations(ctx: &Ctx) -> Result<()> {
    is(&pods::started(ctx, pods::idle(ctx, "pod")).await?, "/metadata/generation", 1)?;
    let follows = async |wanted: i64, why: &str| {
        let found = ctx.pods().get("pod").await?;
        is(&found, "/metadata/generation", wanted).with_context(|| why.to_owned())?;
        let observed = |pod: &Value| is(pod, "/status/observedGeneration", wanted);
        ctx.pods().when(30, "pod", observed).await.with_context(|| why.to_owned())
    };
    follows(1, "at first").await?;
    ctx.pods().merge("pod", json!({"spec": {"activeDeadlineSeconds": 5000}})).await?;
    follows(2, "a new activeDeadlineSeconds").await?;
    let toleration =
        json!([{"op": "add", "path": "/spec/tolerations/-", "value": {"key": "foo", "operator": "Exists"}}]);
    ctx.pods().json_patch("pod", toleration).await.context("a toleration")?;
    follows(3, "a toleration").await?;
    ctx.pods().merge("pod", json!({"metadata": {"annotations": {"a": "b"}, "labels": {"c": "d"}}})).await?;
    follows(3, "metadata").await?;
    ctx.pods().strategic("pod/status", json!({"status": {"message": "said by a check"}})).await?;
    follows(3, "the status").await.map(drop)
}

async fn delete_collection(ctx: &Ctx) -> Result<()> {
    for name in ["pod-1", "pod-2", "pod-3"] {
        let mut pod = pods::idle(ctx, name);
        pod["metadata"]["labels"] = json!({"type": "Testing"});
        ctx.pods().create(pod).await?;
    }
    let found = ctx.pods().labelled("type=Testing").await?.len();
    ensure!(found == 3, "the list has {found} Pods");
    ctx.pods().delete_collection("type=Testing").await?;
    ctx.pods().none_left(POD_SECONDS, "type=Testing").await
}

async fn status_patch(ctx: &Ctx) -> Result<()> {
    let before = pods::started(ctx, pods::idle(ctx, "pod")).await?;
    let patch = json!({"status": {"message": "Patched by a check", "reason": "Conformance"}});
    let patched = ctx.pods().strategic("pod/status", patch).await?;
    for (object, when) in [(&patched, "the answer"), (&ctx.pods().get("pod").await?, "afterwards")] {
        is(object, "/status/message", "Patched by a check").context(when)?;
        is(object, "/status/reason", "Conformance").context(when)?;
        is(object, "/status/phase", before["status"]["phase"].clone()).context(when)?;
    }
    Ok(())
}

async fn deadline(ctx: &Ctx) -> Result<()> {
    pods::started(ctx, pods::idle(ctx, "pod")).await?;
    ctx.pods().edit("pod", |pod| pod["spec"]["activeDeadlineSeconds"] = json!(5)).await?;
    let failed = pods::phase(ctx, "pod", "Failed").await?;
    is(&failed, "/status/reason", "DeadlineExceeded")
}

async fn submit_and_remove(ctx: &Ctx) -> Result<()> {
    let selector = by_label("name=pod");
    let list = ctx.pods().list(&selector).await?;
    let from = list["metadata"]["resourceVersion"].as_str().unwrap_or_default();
    let mut watch = ctx.pods().watch(&format!("{selector}&resourceVersion={from}")).await?;
    ctx.pods().create(pods::with_spec(pods::idle(ctx, "pod"), json!({"terminationGracePeriodSeconds": 30}))).await?;
    watch.see(20, "ADDED", |pod| name_of(pod) == "pod").await?;
    pods::ready(ctx, "pod").await?;
    ctx.pods().delete("pod").await?;
    let going = watch.see(30, "MODIFIED", |pod| pod["metadata"]["deletionTimestamp"].is_string()).await?;
    is(&going, "/metadata/deletionGracePeriodSeconds", 30)?;
    let gone = watch.see(POD_SECONDS, "DELETED", |pod| name_of(pod) == "pod").await?;
    ensure!(gone["metadata"]["deletionTimestamp"].is_string(), "the deleted Pod has no deletionTimestamp");
    let left = ctx.pods().labelled("name=pod").await?.len();
    ensure!(left == 0, "the list has {left} Pods");
    Ok(())
}

async fn service_environment(ctx: &Ctx) -> Result<()> {
    let spec = json!({"selector": {"name": "server"}, "ports": [{"port": 8765, "targetPort": 8080}]});
    let service = ctx.here("v1", "services").create(json!({"metadata": {"name": "fooservice"}, "spec": spec})).await?;
    let address = service["spec"]["clusterIP"].as_str().context("a ClusterIP")?;
    let wanted = [
        format!("FOOSERVICE_SERVICE_HOST={address}"),
        "FOOSERVICE_SERVICE_PORT=8765".to_owned(),
        format!("FOOSERVICE_PORT=tcp://{address}:8765"),
        format!("FOOSERVICE_PORT_8765_TCP=tcp://{address}:8765"),
        "FOOSERVICE_PORT_8765_TCP_PROTO=tcp".to_owned(),
        "FOOSERVICE_PORT_8765_TCP_PORT=8765".to_owned(),
        format!("FOOSERVICE_PORT_8765_TCP_ADDR={address}"),
    ];
    // The kubelet hears of Services through a watch: a Pod may come a moment before.
    let mut at = 0;
    until(60, "the Service's variables", async || {
        at += 1;
        let printed = pods::output(ctx, pods::script(ctx, &format!("pod-{at}"), "env")).await?;
        wanted.iter().try_for_each(|line| {
            ensure!(printed.lines().any(|found| found == line), "{line} is not in {printed:?}");
            Ok(())
        })
    })
    .await
}

async fn host_address(ctx: &Ctx) -> Result<()> {
    let pod = pods::started(ctx, pods::idle(ctx, "pod")).await?;
    let found = pod["status"]["hostIP"].as_str().unwrap_or_default().to_owned();
    let nodes = pods::nodes(ctx).await?;
    ensure!(found.parse::<std::net::IpAddr>().is_ok(), "hostIP is {found:?}");
    ensure!(nodes.iter().any(|(_, address)| *address == found), "hostIP {found} is of none of {nodes:?}");
    Ok(())
}

async fn delete_failing(ctx: &Ctx) -> Result<()> {
    ctx.pods().create(pods::with_spec(pods::script(ctx, "pod", "false"), json!({"restartPolicy": "Always"}))).await?;
    let failing = |pod: &Value| {
        ensure!(pod["status"]["containerStatuses"][0]["restartCount"].as_i64() > Some(0), "it has not failed yet");
        Ok(())
    };
    ctx.pods().when(POD_SECONDS, "pod", failing).await?;
    ctx.pods().delete("pod").await?;
    ctx.pods().gone(60, "pod").await
}

async fn terminated_reason(ctx: &Ctx) -> Result<()> {
    ctx.pods().create(pods::with_spec(pods::script(ctx, "pod", "false"), json!({"restartPolicy": "Always"}))).await?;
    ctx.pods()
        .when(POD_SECONDS, "pod", |pod| {
            let status = &pod["status"]["containerStatuses"][0];
            let state = [&status["state"]["terminated"], &status["lastState"]["terminated"]];
            let ended = state.into_iter().find(|it| it.is_object()).context("it has not ended yet")?;
            ensure!(ended["exitCode"] == 1, "the exit code is {}", ended["exitCode"]);
            contains(ended["reason"].as_str().unwrap_or_default(), "Error")
        })
        .await
        .map(drop)
}

/// What the container does, under which policy, and what comes out: restarts, phase, ready.
async fn restart_policies(ctx: &Ctx) -> Result<()> {
    let twice = "f=/data/n; echo x >> $f; if test $(wc -l < $f) -lt 3; then exit 1; fi";
    let always = format!("{twice}; {}", pods::IDLE);
    let fails = format!("{twice}; exit 0");
    for (name, policy, text, restarts, phase, ready) in [
        ("always", "Always", always.as_str(), 2, "Running", true),
        ("on-failure", "OnFailure", fails.as_str(), 2, "Succeeded", false),
        ("never", "Never", "exit 1", 0, "Failed", false),
    ] {
        let pod = pods::with_volume(pods::script(ctx, name, text), "data", "/data", json!({"emptyDir": {}}));
        ctx.pods().create(pods::with_spec(pod, json!({"restartPolicy": policy}))).await?;
        let comes_out = |pod: &Value| {
            is(pod, "/status/phase", phase)?;
            is(pod, "/status/containerStatuses/0/restartCount", restarts)?;
            is(pod, "/status/containerStatuses/0/ready", ready)
        };
        ctx.pods().when(POD_SECONDS, name, comes_out).await.context(name)?;
        holds(2, "what came out", async || comes_out(&ctx.pods().get(name).await?)).await.context(name)?;
    }
    Ok(())
}

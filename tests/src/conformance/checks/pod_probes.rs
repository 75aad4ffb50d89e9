//! Liveness and readiness probes: what restarts a container, what does not, when a Pod is ready.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::ctx::Ctx;
use super::super::expect::{condition, conditions, is, number};
use super::super::pods::{self, POD_SECONDS};
use super::super::wait::holds;
use super::checks;

checks! {
    "probe-http-ok" => never_restarts, Sort::Web, json!({"httpGet": {"path": "/", "port": 80}});
    "probe-tcp-ok" => never_restarts, Sort::Web, json!({"tcpSocket": {"port": 80}});
    "probe-exec-ok" => never_restarts, Sort::Idle, json!({"exec": {"command": ["cat", "/tmp/health"]}});
    "probe-http-fail" => restarts, Sort::Turning, json!({"httpGet": {"path": "/health", "port": 8080}});
    "probe-grpc-fail" => restarts, Sort::Idle, json!({"grpc": {"port": 2333}});
    "probe-monotonic" => five_times;
    "probe-ready-delay" => ready_later;
    "probe-ready-fail" => never_ready;
}

/// What the container does.
#[derive(Clone, Copy)]
enum Sort {
    Web,
    Idle,
    /// Serves /health for 10 s, then no more.
    Turning,
}

fn pod(ctx: &Ctx, sort: Sort) -> Value {
    let pod = match sort {
        Sort::Web => pods::web(ctx, "pod"),
        Sort::Idle => pods::script(ctx, "pod", &format!("touch /tmp/health; {}", pods::IDLE)),
        Sort::Turning => {
            let serve = "mkdir -p /tmp/www; echo ok > /tmp/www/health; httpd -p 8080 -h /tmp/www";
            pods::script(ctx, "pod", &format!("{serve}; (sleep 10; rm /tmp/www/health) & {}", pods::IDLE))
        }
    };
    pods::with_spec(pod, json!({"restartPolicy": "Always"}))
}

fn with_liveness(pod: Value, mut probe: Value) -> Value {
    super::super::lifecycle::merge_into(
        &mut probe,
        &json!({"initialDelaySeconds": 5, "periodSeconds": 2, "failureThreshold": 1}),
    );
    pods::with(pod, json!({"livenessProbe": probe}))
}

fn restart_count(pod: &Value) -> i64 {
    number(pod, "/status/containerStatuses/0/restartCount")
}

/// For two minutes.
async fn never_restarts(ctx: &Ctx, sort: Sort, mut probe: Value) -> Result<()> {
    probe["timeoutSeconds"] = json!(5);
    pods::started(ctx, with_liveness(pod(ctx, sort), probe)).await?;
    holds(120, "no restart", async || {
        let now = ctx.pods().get("pod").await?;
        is(&now, "/status/containerStatuses/0/restartCount", 0)?;
        is(&now, "/status/phase", "Running")
    })
    .await
}

async fn restarts(ctx: &Ctx, sort: Sort, probe: Value) -> Result<()> {
    pods::started(ctx, with_liveness(pod(ctx, sort), probe)).await?;
    let again = |pod: &Value| {
        ensure!(restart_count(pod) >= 1, "restartCount is {}", restart_count(pod));
        Ok(())
    };
    ctx.pods().when(POD_SECONDS, "pod", again).await.map(drop)
}

async fn five_times(ctx: &Ctx) -> Result<()> {
    let ends = json!({"httpGet": {"path": "/health", "port": 8080}});
    ctx.pods().create(with_liveness(pod(ctx, Sort::Idle), ends)).await?;
    let mut last = 0;
    while last < 5 {
        let more = |pod: &Value| {
            ensure!(restart_count(pod) != last, "restartCount is {last}");
            Ok(())
        };
        let now = restart_count(&ctx.pods().when(200, "pod", more).await?);
        ensure!(now > last, "restartCount fell from {last} to {now}");
        last = now;
    }
    Ok(())
}

/// Seconds between two times as the API writes them, by the clock within a day.
fn seconds_between(from: &str, to: &str) -> Result<i64> {
    let seconds = |text: &str| -> Result<i64> {
        let clock = text.get(11..19).context("a time")?;
        let parts: Vec<i64> = clock.split(':').map(str::parse).collect::<Result<_, _>>()?;
        Ok(parts.iter().fold(0, |sum, part| sum * 60 + part))
    };
    Ok((seconds(to)? - seconds(from)?).rem_euclid(24 * 3600))
}

async fn ready_later(ctx: &Ctx) -> Result<()> {
    let probe = json!({"readinessProbe": {"httpGet": {"path": "/", "port": 80}, "initialDelaySeconds": 15}});
    let ready = pods::started(ctx, pods::with(pod(ctx, Sort::Web), probe)).await?;
    let started =
        ready["status"]["containerStatuses"][0]["state"]["running"]["startedAt"].as_str().context("startedAt")?;
    let since = conditions(&ready).find(|it| it["type"] == "Ready").and_then(|it| it["lastTransitionTime"].as_str());
    let delay = seconds_between(started, since.context("since when it is Ready")?)?;
    // Times are whole seconds: one may be lost.
    ensure!((14..600).contains(&delay), "it was Ready {delay} s after its start, initialDelaySeconds is 15");
    ensure!(restart_count(&ready) == 0, "it was restarted");
    Ok(())
}

async fn never_ready(ctx: &Ctx) -> Result<()> {
    let probe = json!({"exec": {"command": ["false"]}, "initialDelaySeconds": 5, "periodSeconds": 2});
    ctx.pods().create(pods::with(pod(ctx, Sort::Idle), json!({"readinessProbe": probe}))).await?;
    ctx.pods().when(POD_SECONDS, "pod", |pod| is(pod, "/status/phase", "Running")).await?;
    holds(60, "a Pod that is never Ready", async || {
        let now = ctx.pods().get("pod").await?;
        ensure!(condition(&now, "Ready") != "True", "it is Ready");
        is(&now, "/status/containerStatuses/0/restartCount", 0)
    })
    .await
}

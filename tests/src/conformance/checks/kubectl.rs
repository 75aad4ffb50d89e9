//! kubectl against the API alone: versions, dry runs, differences, its proxy.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

use super::super::ctx::Ctx;
use super::super::expect::{contains, is};
use super::super::pods;
use super::{checks, deployments};

checks! {
    "kc-api-versions" => api_versions;
    "kc-version" => version;
    "kc-proxy-zero" => proxy;
    "kc-diff" => diff;
    "kc-dryrun" => dry_run;
}

async fn api_versions(ctx: &Ctx) -> Result<()> {
    let printed = ctx.kubectl(&["api-versions"]).await?;
    ensure!(printed.lines().any(|line| line == "v1"), "it printed {printed:?}");
    Ok(())
}

async fn version(ctx: &Ctx) -> Result<()> {
    let printed = ctx.kubectl(&["version"]).await?;
    for part in ["Client Version: v", "Server Version: v"] {
        contains(&printed, part)?;
    }
    let whole: Value = serde_json::from_str(&ctx.kubectl(&["version", "-o", "json"]).await?)?;
    for side in ["clientVersion", "serverVersion"] {
        for field in ["major", "minor", "gitVersion", "gitCommit", "gitTreeState", "goVersion", "platform"] {
            ensure!(whole[side][field].is_string(), "{side} has no {field}: {}", whole[side]);
        }
    }
    Ok(())
}

async fn proxy(ctx: &Ctx) -> Result<()> {
    let mut command = ctx.kubectl_command();
    command.args(["proxy", "-p", "0", "--disable-filter"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn()?;
    let mut lines = BufReader::new(child.stdout.take().context("kubectl has a stdout")?).lines();
    let line = tokio::time::timeout(std::time::Duration::from_secs(20), lines.next_line()).await;
    let line = line.context("kubectl proxy said nothing")??.unwrap_or_default();
    let address = line.rsplit(' ').next().unwrap_or_default().to_owned();
    let port: u16 = address.rsplit(':').next().unwrap_or_default().parse().with_context(|| format!("{line:?}"))?;
    ensure!(port != 0, "it says {line:?}");
    let answer = tokio::task::spawn_blocking(move || crate::http::get(&address, "/api/")).await??;
    ensure!(answer.status == 200, "/api/ was answered {}", answer.status);
    contains(&answer.body, "\"versions\"")?;
    child.kill().await.context("end kubectl proxy")
}

async fn diff(ctx: &Ctx) -> Result<()> {
    let mut body = deployments::body(ctx, "diff", 0);
    body["apiVersion"] = json!("apps/v1");
    body["kind"] = json!("Deployment");
    ctx.kubectl_with(&["create", "-f", "-"], &body.to_string()).await?;
    body["spec"]["template"]["spec"]["containers"][0]["image"] = json!(ctx.nginx());
    let (code, out, err) = ctx.try_kubectl(&["diff", "-f", "-"], &body.to_string()).await?;
    ensure!(code == 1, "kubectl diff ended with {code}: {out}{err}");
    for (sign, image) in [('-', ctx.busybox()), ('+', ctx.nginx())] {
        let line = format!("image: {image}");
        ensure!(out.lines().any(|it| it.starts_with(sign) && it.contains(&line)), "{sign} {line} is not in {out:?}");
    }
    let stored = ctx.here("apps/v1", "deployments").get("diff").await?;
    is(&stored, "/spec/template/spec/containers/0/image", ctx.busybox()).context("nothing is stored")
}

async fn dry_run(ctx: &Ctx) -> Result<()> {
    ctx.pods().create(pods::idle(ctx, "pod")).await?;
    let patch = json!({"spec": {"containers": [{"name": "main", "image": ctx.nginx()}]}});
    let printed = ctx.kubectl(&["patch", "pod", "pod", "-p", &patch.to_string(), "--dry-run=server"]).await?;
    contains(&printed, "patched")?;
    let stored = ctx.pods().get("pod").await?;
    is(&stored, "/spec/containers/0/image", ctx.busybox())
}

//! What a container runs and finds: its image's command or another, its hosts file, its root.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::super::ctx::Ctx;
use super::super::expect::contains;
use super::super::pods;
use super::checks;

checks! {
    "ctr-defaults" => image_command;
    "ctr-args" => arguments;
    "ctr-command" => command;
    "kubelet-hostaliases" => host_aliases;
    "kubelet-rorootfs" => root, true;
    "sc-writable-root" => root, false;
}

/// An image whose entrypoint is `sh -c` with a script that tells what is in /var/log.
fn with_entrypoint(ctx: &Ctx, container: Value) -> Value {
    let image = format!("{}fluent/fluentd:latest", ctx.settings.image_prefix);
    let mut pod = pods::script(ctx, "pod", "");
    let mut wanted = json!({"name": "main", "image": image});
    super::super::lifecycle::merge_into(&mut wanted, &container);
    pod["spec"]["containers"] = json!([wanted]);
    pod
}

/// The command line of the container's first process.
async fn first_process(ctx: &Ctx, pod: Value) -> Result<String> {
    pods::started(ctx, pod).await?;
    Ok(pods::exec(ctx, "pod", "tr '\\0' ' ' < /proc/1/cmdline").await?.trim().to_owned())
}

/// nginx' image has no entrypoint and its daemon as command.
async fn image_command(ctx: &Ctx) -> Result<()> {
    let found = first_process(ctx, pods::web(ctx, "pod")).await?;
    contains(&found, "nginx: master process nginx -g daemon off;")
}

/// The entrypoint stays, the arguments are added to it: the shell takes them as $0.
async fn arguments(ctx: &Ctx) -> Result<()> {
    let found = first_process(ctx, with_entrypoint(ctx, json!({"args": ["first", "second"]}))).await?;
    contains(&found, "sleep 1000000")?;
    let pod = pods::with(pods::script(ctx, "busybox", ""), json!({"command": null, "args": ["echo", "arguments"]}));
    let mut pod = pod;
    if let Some(container) = pod["spec"]["containers"][0].as_object_mut() {
        container.remove("command");
    }
    let printed = pods::output(ctx, pod).await?;
    ensure!(printed.trim() == "arguments", "arguments that take the place of the image's command printed {printed:?}");
    Ok(())
}

/// The entrypoint and the image's command are both out.
async fn command(ctx: &Ctx) -> Result<()> {
    let pod = with_entrypoint(ctx, json!({"command": ["sh", "-c", "tr '\\0' ' ' < /proc/1/cmdline; echo of $#"]}));
    let printed = pods::output(ctx, pod).await?;
    contains(&printed, "of 0")?;
    ensure!(!printed.contains("sleep 1000000"), "it printed {printed:?}");
    Ok(())
}

async fn host_aliases(ctx: &Ctx) -> Result<()> {
    let aliases = json!([{"ip": "123.45.67.89", "hostnames": ["foo", "bar"]}]);
    let pod = pods::with_spec(pods::script(ctx, "pod", "cat /etc/hosts"), json!({"hostAliases": aliases}));
    let printed = pods::output(ctx, pod).await?;
    let found = printed.lines().any(|line| line.split_whitespace().eq(["123.45.67.89", "foo", "bar"]));
    ensure!(found, "/etc/hosts is {printed:?}");
    Ok(())
}

async fn root(ctx: &Ctx, read_only: bool) -> Result<()> {
    let text = "if echo test > /file; then echo written; else echo refused; fi";
    let security = json!({"securityContext": {"readOnlyRootFilesystem": read_only}});
    let printed = pods::output(ctx, pods::with(pods::script(ctx, "pod", text), security)).await?;
    contains(&printed, if read_only { "refused" } else { "written" })
}

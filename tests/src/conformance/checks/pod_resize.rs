//! Resources of running containers, changed in place.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::super::ctx::Ctx;
use super::super::expect::{condition, has, is};
use super::super::pods::{self, POD_SECONDS};
use super::checks;

checks! {
    "resize-equivalents" => equivalents;
    "resize-guar-inc" => guaranteed, [["20m", "20Mi"], ["30m", "30Mi"], ["40m", "40Mi"]], [["25m", "25Mi"], ["35m", "35Mi"], ["45m", "45Mi"]];
    "resize-guar-dec" => guaranteed, [["25m", "40Mi"], ["35m", "50Mi"], ["45m", "60Mi"]], [["20m", "30Mi"], ["30m", "40Mi"], ["40m", "50Mi"]];
    "resize-guar-mixed" => guaranteed, [["20m", "40Mi"], ["30m", "30Mi"], ["40m", "50Mi"]], [["30m", "40Mi"], ["25m", "40Mi"], ["40m", "40Mi"]];
}

type Amounts = [[&'static str; 2]; 3];

fn equal([cpu, memory]: [&str; 2]) -> Value {
    let amounts = json!({"cpu": cpu, "memory": memory});
    json!({"requests": amounts, "limits": amounts})
}

/// Waits until the status has these resources for each container, and nothing is pending; nobody may have been restarted.
async fn applied(ctx: &Ctx, wanted: &[Value]) -> Result<Value> {
    let done = |pod: &Value| {
        for kind in ["PodResizePending", "PodResizeInProgress"] {
            ensure!(condition(pod, kind) != "True", "{kind} is True: {}", pod["status"]["conditions"]);
        }
        let statuses = pod["status"]["containerStatuses"].as_array().context("container statuses")?;
        for (status, wanted) in statuses.iter().zip(wanted) {
            has(&status["resources"], wanted).with_context(|| format!("the status of {}", status["name"]))?;
            is(status, "/restartCount", 0)?;
        }
        Ok(())
    };
    ctx.pods().when(POD_SECONDS, "pod", done).await
}

async fn resize(ctx: &Ctx, wanted: &[Value]) -> Result<()> {
    let pod = ctx.pods().get("pod").await?;
    let names = pod["spec"]["containers"].as_array().into_iter().flatten().map(|it| it["name"].clone());
    let containers: Vec<Value> =
        names.zip(wanted).map(|(name, resources)| json!({"name": name, "resources": resources})).collect();
    let patched =
        ctx.pods().strategic("pod/resize", json!({"spec": {"containers": containers}})).await.context("resize")?;
    for (container, wanted) in patched["spec"]["containers"].as_array().into_iter().flatten().zip(wanted) {
        has(&container["resources"], wanted).context("the spec")?;
    }
    Ok(())
}

/// The kernel's own view of a container's limit of memory, with either version of cgroups.
const MEMORY: &str = "cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes";

async fn guaranteed(ctx: &Ctx, before: Amounts, after: Amounts) -> Result<()> {
    let mut pod = pods::with(pods::idle(ctx, "pod"), json!({"resources": equal(before[0])}));
    for (name, amounts) in [("second", before[1]), ("third", before[2])] {
        let mut container = pod["spec"]["containers"][0].clone();
        super::super::lifecycle::merge_into(&mut container, &json!({"name": name, "resources": equal(amounts)}));
        pods::push(&mut pod["spec"]["containers"], container);
    }
    let made = pods::started(ctx, pod).await?;
    is(&made, "/status/qosClass", "Guaranteed")?;
    applied(ctx, &before.map(equal)).await.context("at first")?;
    for wanted in [after, before] {
        resize(ctx, &wanted.map(equal)).await?;
        applied(ctx, &wanted.map(equal)).await?;
        for (name, [_, memory]) in ["main", "second", "third"].into_iter().zip(wanted) {
            let bytes = memory.trim_end_matches("Mi").parse::<u64>()? << 20;
            let found = pods::exec_in(ctx, "pod", name, MEMORY).await?;
            ensure!(found.trim() == bytes.to_string(), "{name} may use {found:?} bytes, expected {bytes}");
        }
    }
    Ok(())
}

/// Shares and quotas have a least value: below it two amounts are the same to the kernel.
async fn equivalents(ctx: &Ctx) -> Result<()> {
    let amounts = |request: &str, limit: &str| json!({"requests": {"cpu": request}, "limits": {"cpu": limit}});
    let pod = pods::with(pods::idle(ctx, "pod"), json!({"resources": amounts("2m", "10m")}));
    pods::started(ctx, pod).await?;
    let wanted = [amounts("1m", "5m")];
    resize(ctx, &wanted).await?;
    applied(ctx, &wanted).await.map(drop)
}

//! Who a container's process is, what it may become, and kernel settings of a Pod.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::super::ctx::Ctx;
use super::super::pods;
use super::checks;

checks! {
    "sc-uid-65534" => prints, "id -u", json!({"container": {"runAsUser": 65534}}), "65534";
    "sc-ctr-group" => prints, "id -u; id -g", json!({"container": {"runAsUser": 1001, "runAsGroup": 2002}}), "1001\n2002";
    "sc-pod-group" => prints, "id -u; id -g", json!({"pod": {"runAsUser": 1001, "runAsGroup": 2002}}), "1001\n2002";
    "sysctl-apply" => prints, "cat /proc/sys/kernel/shm_rmid_forced", json!({
        "pod": {"sysctls": [{"name": "kernel.shm_rmid_forced", "value": "1"}]},
    }), "1";
    "sc-no-escalate" => no_escalation;
}

async fn prints(ctx: &Ctx, text: &str, security: Value, wanted: &str) -> Result<()> {
    let mut pod = pods::script(ctx, "pod", text);
    pod["spec"]["securityContext"] = security["pod"].clone();
    pod["spec"]["containers"][0]["securityContext"] = security["container"].clone();
    let printed = pods::output(ctx, pod).await?;
    ensure!(printed.trim() == wanted, "it printed {printed:?}, expected {wanted:?}");
    Ok(())
}

/// busybox, setuid for everybody. Its `su` says so when it has not become root; its other programs give root up by themselves.
const SETUID: &str = "cp /bin/busybox /data/su && chown root /data/su && chmod 4755 /data/su";
const ASK: &str = "/data/su -c true nobody < /dev/null 2>&1; awk '/^NoNewPrivs/ {print $2}' /proc/self/status";

/// The same setuid program becomes root where escalation is allowed, and not where it is not.
async fn no_escalation(ctx: &Ctx) -> Result<()> {
    for (name, allowed) in [("allowed", true), ("forbidden", false)] {
        let security = json!({"runAsUser": 1000, "allowPrivilegeEscalation": allowed});
        let mut pod = pods::with_volume(pods::script(ctx, name, ASK), "data", "/data", json!({"emptyDir": {}}));
        let mount = pod["spec"]["containers"][0]["volumeMounts"].clone();
        let init =
            json!({"name": "setuid", "image": ctx.busybox(), "command": ["sh", "-c", SETUID], "volumeMounts": mount});
        pod["spec"]["initContainers"] = json!([init]);
        let printed = pods::output(ctx, pods::with(pod, json!({"securityContext": security}))).await?;
        let became_root = !printed.contains("must be suid");
        ensure!(became_root == allowed, "escalation {name}: became root is {became_root}: {printed:?}");
        let wanted = if allowed { "0" } else { "1" };
        ensure!(printed.lines().last() == Some(wanted), "escalation {name}: no_new_privs is {printed:?}");
    }
    Ok(())
}

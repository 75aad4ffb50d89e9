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

/// The copy of the shell that root made setuid for everybody.
const SETUID: &str = "cp /bin/busybox /data/id && chown root /data/id && chmod 4755 /data/id";

/// The same setuid program gives root where escalation is allowed, and not where it is not.
async fn no_escalation(ctx: &Ctx) -> Result<()> {
    for (name, allowed, wanted) in [("allowed", true, "0"), ("forbidden", false, "1000")] {
        let security = json!({"runAsUser": 1000, "allowPrivilegeEscalation": allowed});
        let container = json!({"securityContext": security, "command": ["/data/id", "-u"]});
        let mut pod = pods::with_volume(pods::script(ctx, name, ""), "data", "/data", json!({"emptyDir": {}}));
        let mount = pod["spec"]["containers"][0]["volumeMounts"].clone();
        let init =
            json!({"name": "setuid", "image": ctx.busybox(), "command": ["sh", "-c", SETUID], "volumeMounts": mount});
        pod["spec"]["initContainers"] = json!([init]);
        let printed = pods::output(ctx, pods::with(pod, container)).await?;
        ensure!(printed.trim() == wanted, "escalation {name}: the effective uid is {printed:?}, expected {wanted}");
    }
    Ok(())
}

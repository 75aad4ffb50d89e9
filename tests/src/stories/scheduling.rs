//! Taints and tolerations: who lands on a tainted node, and what the Pod that does not says about itself.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::{Story, Tier};
use crate::cluster::Cluster;
use crate::process::wait_for;

pub const STORY: Story = Story {
    name: "scheduling",
    shows: "the tolerating Pod lands on a node tainted gpu=true:NoSchedule, the other stays Pending with a reason; cordon, drain",
    tier: Tier::Ci,
    deadline_seconds: 150,
    run,
};

fn run(folder: &Path) -> Result<()> {
    let cluster = Cluster::start(folder)?;
    let printed = cluster.kubectl(&["taint", "nodes", "node-1", "gpu=true:NoSchedule"])?;
    ensure!(printed == "node/node-1 tainted\n", "taint printed {printed:?}");
    cluster.apply(include_str!("../../fixtures/gpu-pod.yaml"))?;
    cluster.kubectl(&["run", "plain", "--image=busybox", "--restart=Never", "--command", "--", "sleep", "100000"])?;
    cluster.kubectl(&["wait", "--for=condition=Ready", "pod/gpu-pod", "--timeout=60s"])?;
    cluster.wait_value(
        "pod/plain",
        r#"{.status.conditions[?(@.type=="PodScheduled")].reason}"#,
        "Unschedulable",
        20,
    )?;
    wait_for("describe to say why", Duration::from_secs(20), || {
        let text = cluster.kubectl(&["describe", "pod", "plain"])?;
        ensure!(text.contains("FailedScheduling"), "no event: {text}");
        ensure!(text.contains("0/1 nodes are available: 1 node(s) had untolerated taint {gpu: true}."), "{text}");
        Ok(())
    })?;
    cluster.kubectl(&["taint", "nodes", "node-1", "gpu=true:NoSchedule-"])?;
    cluster.kubectl(&["wait", "--for=condition=Ready", "pod/plain", "--timeout=60s"])?;
    cluster.kubectl(&["cordon", "node-1"])?;
    let nodes = cluster.kubectl(&["get", "nodes"])?;
    ensure!(nodes.contains("Ready,SchedulingDisabled"), "get nodes printed {nodes}");
    cluster.kubectl(&["drain", "node-1", "--force", "--ignore-daemonsets", "--grace-period=1", "--timeout=60s"])?;
    cluster.kubectl(&["uncordon", "node-1"])?;
    cluster.uninstall()
}

//! The walking skeleton: one YAML Pod through real kubectl, API, store, scheduler, kubelet, runtime, and its line back.

use std::path::Path;

use anyhow::{Result, ensure};

use super::{Story, Tier};
use crate::cluster::Cluster;

pub const STORY: Story = Story {
    name: "first_pod",
    shows: "a Pod applied with kubectl runs, and kubectl logs brings its line back",
    tier: Tier::Ci,
    deadline_seconds: 120,
    run,
};

const POD: &str = r#"
apiVersion: v1
kind: Pod
metadata:
  name: hello
spec:
  restartPolicy: Never
  containers:
  - name: main
    image: busybox
    command: ["sh", "-c", "echo hello from a container"]
"#;

fn run(folder: &Path) -> Result<()> {
    let cluster = Cluster::start(folder)?;
    let printed = cluster.apply(POD)?;
    ensure!(printed == "pod/hello created\n", "apply printed {printed:?}");
    cluster.wait_value("pod/hello", "{.status.phase}", "Succeeded", 60)?;
    let log = cluster.kubectl(&["logs", "hello"])?;
    ensure!(log == "hello from a container\n", "logs printed {log:?}");
    cluster.kubectl(&["delete", "pod", "hello"])?;
    cluster.uninstall()
}

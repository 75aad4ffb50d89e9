//! Pods that use more disk than their limits say are evicted, in upstream's words; a ReplicaSet's controller would make others.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::{Story, Tier};
use crate::cluster::Cluster;

pub const STORY: Story = Story {
    name: "disk_limits",
    shows: "an emptyDir over its sizeLimit and a container over its ephemeral-storage evict their Pod; one below stays",
    tier: Tier::Ci,
    deadline_seconds: 120,
    run,
};

const PODS: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: volume}
spec:
  terminationGracePeriodSeconds: 100
  volumes: [{name: scratch, emptyDir: {sizeLimit: 1Mi}}]
  containers:
  - name: main
    image: busybox
    command: ["sh", "-c", "dd if=/dev/zero of=/scratch/file bs=1024 count=3000; sleep 1000000"]
    volumeMounts: [{name: scratch, mountPath: /scratch}]
---
apiVersion: v1
kind: Pod
metadata: {name: layer}
spec:
  containers:
  - name: main
    image: busybox
    command: ["sh", "-c", "dd if=/dev/zero of=/tmp/file bs=1024 count=3000; sleep 1000000"]
    resources: {limits: {ephemeral-storage: 1Mi}}
  - name: beside
    image: busybox
    command: ["sleep", "1000000"]
    resources: {limits: {ephemeral-storage: 100Mi}}
---
apiVersion: v1
kind: Pod
metadata: {name: below}
spec:
  terminationGracePeriodSeconds: 1
  volumes: [{name: scratch, emptyDir: {sizeLimit: 100Mi}}]
  containers:
  - name: main
    image: busybox
    command: ["sh", "-c", "dd if=/dev/zero of=/scratch/file bs=1024 count=3000; sleep 1000000"]
    volumeMounts: [{name: scratch, mountPath: /scratch}]
    resources: {limits: {ephemeral-storage: 100Mi}}
"#;

/// Which Pod, and upstream's message (pkg/kubelet/eviction/helpers.go), which ends with a space.
const EVICTED: &[(&str, &str)] = &[
    ("volume", "Usage of EmptyDir volume \"scratch\" exceeds the limit \"1Mi\". "),
    ("layer", "Container main exceeded its local ephemeral storage limit \"1Mi\". "),
];

fn run(folder: &Path) -> Result<()> {
    let cluster = Cluster::start(folder)?;
    cluster.apply(PODS)?;
    for (pod, message) in EVICTED {
        let pod_path = format!("pod/{pod}");
        let status = "{.status.phase}/{.status.reason}/{.status.message}";
        cluster.wait_value(&pod_path, status, &format!("Failed/Evicted/{message}"), 60).context(*pod)?;
        let selector = format!("--field-selector=involvedObject.name={pod},reason=Evicted");
        let events = cluster.kubectl(&["get", "events", &selector, "-o", "jsonpath={.items[*].message}"])?;
        ensure!(events == *message, "the events of {pod} are {events:?}");
    }
    cluster.wait_value("pod/below", "{.status.phase}", "Running", 1)?;
    cluster.kubectl(&["delete", "pod", "volume", "layer", "below", "--timeout=60s"])?;
    cluster.uninstall()
}

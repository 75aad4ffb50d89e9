//! A cluster that ran a bit of everything, then `oxkube uninstall` while it still runs: the machine is as it was before.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail, ensure};

use super::{Story, Tier};
use crate::cluster::{Cluster, oxkube};
use crate::footprint::Footprint;
use crate::process::{capture, succeed, wait_for};

pub const STORY: Story = Story {
    name: "uninstall",
    shows: "after oxkube uninstall of a running cluster nothing on the machine differs from before",
    tier: Tier::Ci,
    deadline_seconds: 120,
    run: story,
};

const EVERYTHING: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {a: b}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80, nodePort: 30080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: nginx:1.21
        resources: {limits: {memory: 64Mi, cpu: 250m}}
        volumeMounts:
        - {name: settings, mountPath: /settings}
        - {name: scratch, mountPath: /scratch}
        - {name: memory, mountPath: /memory}
      volumes:
      - {name: settings, configMap: {name: settings}}
      - {name: scratch, emptyDir: {}}
      - {name: memory, emptyDir: {medium: Memory}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      hostPID: true
      containers:
      - name: agent
        image: busybox
        command: ["sh", "-c", "exec sleep 1000000"]
        ports: [{containerPort: 9000, hostPort: 9000}]
        volumeMounts: [{name: log, mountPath: /host/log, readOnly: true}]
      volumes: [{name: log, hostPath: {path: /var/log}}]
"#;

fn story(folder: &Path) -> Result<()> {
    let before = Footprint::take()?;
    let cluster = Cluster::start(folder)?;
    cluster.apply(EVERYTHING)?;
    cluster.kubectl(&["rollout", "status", "deployment/web", "--timeout=60s"])?;
    cluster.kubectl(&["rollout", "status", "daemonset/agent", "--timeout=60s"])?;
    cluster.kubectl(&["exec", "deployment/web", "--", "true"])?;
    let changed = Footprint::take()?.differences(&before).len();
    ensure!(changed > 50, "a running cluster changed {changed} things only: this looks at the wrong ones");
    let data = cluster.at("data");
    let uninstall = || capture(Command::new(oxkube()?).args(["uninstall", "--data-dir", &data]));
    succeed(Command::new(oxkube()?).args(["uninstall", "--data-dir", &data]))?;
    cluster.ended()?;
    let same = || match Footprint::take()?.differences(&before).as_slice() {
        [] => Ok(()),
        left => bail!("these differ:\n{}", left.join("\n")),
    };
    // Namespaces and their links die a moment after their last process.
    wait_for("the machine to be as before", Duration::from_secs(5), same)?;
    ensure!(!Path::new(&data).exists(), "the data dir is still there");
    ensure!(!folder.join("kubeconfig").exists(), "the kubeconfig is still there");
    let again = uninstall()?;
    ensure!(again.code == 0 && again.out.starts_with("Nothing is installed"), "again: {again:?}");
    Ok(())
}

//! A lost node: its silence is noticed, and its Pods are replaced on the node that is left.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{Story, Tier};
use crate::agent::Agent;
use crate::cluster::Cluster;
use crate::machine::Machine;
use crate::process::wait_for;

pub const STORY: Story = Story {
    name: "lost_node",
    shows: "a node whose agent ends is NotReady after the grace period; its Pods are replaced elsewhere, and it may come back",
    tier: Tier::Ci,
    deadline_seconds: 240,
    run,
};

/// Upstream's toleration of 300 seconds, cut short.
const WEB: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      tolerations:
      - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 1}
      - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 1}
      containers: [{name: web, image: "nginx:1.21"}]
"#;

fn run(folder: &Path) -> Result<()> {
    let machine = Machine::start()?;
    let cluster = Cluster::start(folder)?;
    let mut agent = Agent::on(machine, &cluster);
    agent.start(&cluster)?;
    cluster.kubectl(&["cordon", "node-1"])?;
    cluster.apply(WEB)?;
    cluster.wait_value("deployment/web", "{.status.readyReplicas}", "1", 60)?;
    ensure!(nodes_of_pods(&cluster)? == "node-2", "the Pod is on {:?}", nodes_of_pods(&cluster));
    cluster.kubectl(&["uncordon", "node-1"])?;
    agent.stop()?;
    let ready = r#"{.status.conditions[?(@.type=="Ready")].status}"#;
    cluster.wait_value("node/node-2", ready, "Unknown", 90)?;
    wait_for("a replacement on node-1", Duration::from_secs(60), || {
        let nodes = nodes_of_pods(&cluster)?;
        ensure!(nodes.split(' ').any(|node| node == "node-1"), "Pods are on {nodes:?}");
        Ok(())
    })?;
    cluster.wait_value("deployment/web", "{.status.readyReplicas}", "1", 30)?;
    agent.start(&cluster).context("start the agent again")?;
    wait_for("the old Pod to go", Duration::from_secs(30), || {
        let nodes = nodes_of_pods(&cluster)?;
        ensure!(nodes == "node-1", "Pods are on {nodes:?}");
        Ok(())
    })?;
    let machine = agent.uninstall()?;
    cluster.uninstall()?;
    drop(machine);
    Ok(())
}

fn nodes_of_pods(cluster: &Cluster) -> Result<String> {
    cluster.kubectl(&["get", "pods", "-l", "app=web", "-o", "jsonpath={.items[*].spec.nodeName}"])
}

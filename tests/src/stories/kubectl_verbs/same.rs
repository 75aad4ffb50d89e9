//! What our own kubectl reads out beside what the real one does, of the same cluster at the same moment. Many events of one second are
//! left out: the real one sorts them by the second, and no further.

use anyhow::{Result, bail, ensure};

use crate::cluster::{Cluster, oxkube};
use crate::process::{Printed, capture};

const LINES: &[&str] = &[
    "get nodes",
    "get nodes -o wide",
    "get pods -o wide",
    "get pods -A --show-labels",
    "get all",
    "get deployment nginx-deployment -o yaml",
    "get deployment nginx-deployment -o json",
    "get pods -o yaml",
    "get deployment,service -o name",
    "get pods -o jsonpath={.items[*].metadata.name}",
    "get pods -o custom-columns=POD:.metadata.name,IMAGE:.spec.containers[0].image",
    "get endpointslices",
    "get pod nosuch",
    "get nosuch",
    "describe deployment nginx-deployment",
    "describe pod two",
    "describe svc nginx-nodeport",
    "describe node node-1",
    "events --for pod/two",
    "events --for deployment/nginx-deployment",
    "logs two -c one",
    "logs two --all-containers --prefix",
    "rollout status deployment/nginx-deployment",
    "rollout history deployment/nginx-deployment",
    "api-versions",
    "api-resources -o name",
    "cluster-info",
    "auth can-i create deployments",
    "top nodes",
    "config view",
    "config get-contexts",
];

/// The real one asks for these logs in the order in which Go walks a map, which is another each time: their lines count, not the order.
const UNORDERED: &str = "logs two --all-containers --prefix";

/// Looks at a line until the real kubectl says the same before and after ours: ages grow meanwhile.
const LOOKS: u32 = 5;

pub fn check(cluster: &Cluster) -> Result<()> {
    let failed: Vec<String> =
        LINES.iter().filter_map(|line| one(cluster, line).err()).map(|error| error.to_string()).collect();
    ensure!(failed.is_empty(), "{} of {} differ:\n{}", failed.len(), LINES.len(), failed.join("\n"));
    Ok(())
}

fn one(cluster: &Cluster, line: &str) -> Result<()> {
    let words: Vec<&str> = line.split(' ').collect();
    let whole = |printed: Printed| {
        let mut lines: Vec<String> = printed.out.split('\n').map(str::to_owned).collect();
        if line == UNORDERED {
            lines.sort();
        }
        (printed.code, lines, printed.err)
    };
    for _ in 0..LOOKS {
        let before = whole(cluster.try_kubectl(&words)?);
        let ours = whole(capture(cluster.client(oxkube()?).arg("kubectl").args(&words))?);
        let after = whole(cluster.try_kubectl(&words)?);
        if ours == before || ours == after {
            return Ok(());
        }
        if before == after {
            bail!("kubectl {line}\nreal: {before:?}\nours: {ours:?}");
        }
    }
    bail!("kubectl {line} did not say the same twice in {LOOKS} looks")
}

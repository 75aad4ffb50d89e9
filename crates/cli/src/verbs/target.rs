//! The Pod and the container that a command line means, for verbs that go to containers.

use std::time::Duration;

use serde_json::Value;

use super::get::escape;
use super::named;
use crate::cluster::Cluster;
use crate::error::{Error, Result, usage};
use crate::warnln;

const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The Pod named `POD` or `TYPE/NAME`; the first one of a workload, once there is one.
pub async fn pod(cluster: &Cluster, target: &str, limit: Duration) -> Result<Value> {
    if let Some(name) = plain(target) {
        let path = format!("/api/v1/namespaces/{}/pods/{name}", cluster.namespace);
        return cluster.get_json(&path, "application/json").await;
    }
    let looking = async {
        loop {
            let mut pods = pods(cluster, target).await?;
            if let Some(index) = best(&pods) {
                return Ok(pods.swap_remove(index));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let found = tokio::time::timeout(limit, looking).await;
    found.unwrap_or_else(|_| usage(format!("timed out waiting for the condition: no Pods of {target} are there yet")))
}

/// The name, where the target is a Pod.
pub fn plain(target: &str) -> Option<&str> {
    match target.split_once('/') {
        None => Some(target),
        Some(("pod" | "pods" | "po", name)) => Some(name),
        Some(_) => None,
    }
}

/// All Pods that a workload or Service selects.
pub async fn pods(cluster: &Cluster, target: &str) -> Result<Vec<Value>> {
    let discovery = cluster.discovery().await?;
    let objects = named(cluster, &discovery, &[target.to_owned()])?;
    let Some(object) = objects.first() else { return usage("expected POD or TYPE/NAME") };
    let live = cluster.rest.get(&object.served.resource, &object.key).await?;
    let Some(labels) = selector(&live) else {
        return usage(format!("cannot attach to *{}: selector is empty or not known", object.served.resource.kind));
    };
    let path = format!("/api/v1/namespaces/{}/pods?labelSelector={}", cluster.namespace, escape(&labels));
    let mut list = cluster.get_json(&path, "application/json").await?;
    Ok(match list["items"].take() {
        Value::Array(items) => items,
        _ => Vec::new(),
    })
}

/// The selector of a workload or Service as a label selector.
pub fn selector(object: &Value) -> Option<String> {
    let selector = &object["spec"]["selector"];
    let workload = selector.get("matchLabels").is_some() || selector.get("matchExpressions").is_some();
    let text = if workload {
        super::describe::selector(selector)
    } else {
        let labels = selector.as_object()?.iter();
        let labels: Vec<String> =
            labels.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
        labels.join(",")
    };
    Some(text).filter(|text| !text.is_empty() && text != "<none>")
}

/// Running and ready before all others, then the oldest.
fn best(pods: &[Value]) -> Option<usize> {
    let ready = |pod: &Value| {
        let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
        conditions.into_iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
    };
    (0..pods.len()).min_by_key(|at| {
        let pod = &pods[*at];
        let created = pod["metadata"]["creationTimestamp"].as_str().unwrap_or_default();
        (pod["spec"]["nodeName"].is_null(), pod["status"]["phase"] != "Running", !ready(pod), created)
    })
}

/// The container asked for, else the one the Pod calls its default, else the first, and then that is said.
pub fn container(pod: &Value, asked: Option<&str>, quiet: bool) -> Result<String> {
    let names = |list: &str| -> Vec<String> {
        let containers = pod["spec"][list].as_array().into_iter().flatten();
        containers.filter_map(|container| Some(container["name"].as_str()?.to_owned())).collect()
    };
    let (own, ephemeral, init) = (names("containers"), names("ephemeralContainers"), names("initContainers"));
    let pod_name = pod["metadata"]["name"].as_str().unwrap_or_default();
    if let Some(name) = asked {
        return Ok(name.to_owned());
    }
    let default = pod["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"].as_str();
    if let Some(default) = default.filter(|default| own.iter().any(|name| name == default)) {
        return Ok(default.to_owned());
    }
    let Some(first) = own.first() else { return usage(format!("pod {pod_name} does not have any containers")) };
    let mut all = own.clone();
    all.extend(ephemeral.iter().map(|name| format!("{name} (ephem)")));
    all.extend(init.iter().map(|name| format!("{name} (init)")));
    if all.len() > 1 && !quiet {
        warnln!("Defaulted container {first:?} out of: {}", all.join(", "));
    }
    Ok(first.clone())
}

/// Whether the Pod has a container of that name.
pub fn has(pod: &Value, container: &str) -> bool {
    let lists = ["containers", "initContainers", "ephemeralContainers"];
    let mut all = lists.into_iter().flat_map(|list| pod["spec"][list].as_array().into_iter().flatten());
    all.any(|known| known["name"] == container)
}

/// Refuses Pods whose containers have all ended.
pub fn refuse_completed(pod: &Value, doing: &str) -> Result<()> {
    match pod["status"]["phase"].as_str() {
        Some(phase @ ("Succeeded" | "Failed")) => {
            Err(Error::Use(format!("cannot {doing} a container in a completed pod; current phase is {phase}")))
        }
        _ => Ok(()),
    }
}

/// A missing Pod in the words of logs.
pub fn missing(cluster: &Cluster, error: Error) -> Error {
    match &error {
        Error::Server(answer) if answer.is_not_found() => {
            Error::Use(format!("error from server (NotFound): {answer} in namespace {:?}", cluster.namespace))
        }
        _ => error,
    }
}

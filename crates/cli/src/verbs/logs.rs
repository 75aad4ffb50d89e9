//! `logs`: of a Pod, or of the first Pod of a workload.

use std::io::Write;

use client::ObjectKey;
use futures::StreamExt;
use http::{Method, Request};
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::Value;

use super::get::escape;
use super::named;
use crate::cluster::Cluster;
use crate::error::{Error, Result, usage};
use crate::flags::Logs;

pub async fn run(cluster: &Cluster, flags: Logs) -> Result<u8> {
    let pod = pod(cluster, &flags.target).await?;
    let container = container(cluster, &pod, &flags).await?;
    let mut path = format!("/api/v1/namespaces/{}/pods/{}/log?container={container}", pod.namespace, pod.name);
    for (on, name) in [(flags.follow, "follow"), (flags.previous, "previous"), (flags.timestamps, "timestamps")] {
        if on {
            path.push_str(&format!("&{name}=true"));
        }
    }
    if let Some(lines) = flags.tail.filter(|lines| *lines >= 0) {
        path.push_str(&format!("&tailLines={lines}"));
    }
    if !flags.follow {
        return write(&cluster.get(&path, "*/*").await?).map(|()| 0);
    }
    let request = Request::builder().method(Method::GET).uri(&path).body(Body::empty());
    let request = request.map_err(|error| Error::Use(error.to_string()))?;
    let response = cluster.rest.client().send(request).await.map_err(|error| Error::Use(error.to_string()))?;
    let mut chunks = response.into_body().into_data_stream();
    while let Some(chunk) = chunks.next().await {
        write(&chunk.map_err(|error| Error::Use(error.to_string()))?)?;
    }
    Ok(0)
}

fn write(bytes: &[u8]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| Error::Use(format!("write to stdout: {error}")))
}

async fn pod(cluster: &Cluster, target: &str) -> Result<ObjectKey> {
    if !target.contains('/') || target.starts_with("pod/") || target.starts_with("pods/") {
        let name = target.rsplit('/').next().unwrap_or(target);
        return Ok(ObjectKey::new(cluster.namespace.clone(), name));
    }
    let discovery = cluster.discovery().await?;
    let objects = named(cluster, &discovery, &[target.to_owned()])?;
    let Some(object) = objects.first() else { return usage("expected POD or TYPE/NAME") };
    let live = cluster.rest.get(&object.served.resource, &object.key).await?;
    let labels = live["spec"]["selector"]["matchLabels"].as_object().or(live["spec"]["selector"].as_object());
    let Some(labels) = labels else { return usage(format!("{} selects no Pods", object.printed())) };
    let selector: Vec<String> =
        labels.iter().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    let path = format!("/api/v1/namespaces/{}/pods?labelSelector={}", cluster.namespace, escape(&selector.join(",")));
    let list = cluster.get_json(&path, "application/json").await?;
    match list["items"][0]["metadata"]["name"].as_str() {
        Some(name) => Ok(ObjectKey::new(cluster.namespace.clone(), name)),
        None => usage(format!("no Pods of {} are there yet", object.printed())),
    }
}

/// The container asked for, else the one the Pod calls its default, else the first.
async fn container(cluster: &Cluster, pod: &ObjectKey, flags: &Logs) -> Result<String> {
    if let Some(name) = &flags.container {
        return Ok(name.clone());
    }
    let path = format!("/api/v1/namespaces/{}/pods/{}", pod.namespace, pod.name);
    let live: Value = cluster.get_json(&path, "application/json").await?;
    let default = live["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"].as_str();
    let first = live["spec"]["containers"][0]["name"].as_str();
    default.or(first).map_or_else(|| usage(format!("Pod {pod} has no containers")), |name| Ok(name.to_owned()))
}

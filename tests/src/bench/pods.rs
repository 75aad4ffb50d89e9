//! From the request that creates a Pod to its phase Running, seen by a watch; the image is present. Beside it: runc, one round each in turn.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::api_client::{Client, Watch};
use super::figures::Samples;
use super::runc::Bundle;
use super::table::Row;
use super::{API, Measure, clients};
use crate::cluster::Cluster;

pub const MEASURE: Measure = Measure { name: "pods", shows: "A Pod's start, image present", run };

const ROUNDS: usize = 30;
const TOGETHER: usize = 20;
const PATIENCE: Duration = Duration::from_secs(60);
const COMMAND: [&str; 3] = ["sh", "-c", "exec sleep 1000000"];
const PODS: &str = "/api/v1/namespaces/default/pods";

fn run(folder: &Path) -> Result<Vec<Row>> {
    let cluster = Cluster::start(folder)?;
    let bundle = Bundle::make(folder, &COMMAND)?;
    let clients = clients()?;
    let (mut pods, mut runc) = (Vec::new(), Vec::new());
    let together = clients.block_on(async {
        let client = Client::administrator(API, Path::new(&cluster.at("kubeconfig"))).await?;
        let mut watch = client.watch(&format!("{PODS}?watch=true")).await?;
        // The first Pod pulls the image and waits for the ServiceAccount.
        start(&client, &mut watch, &["first".to_owned()]).await?;
        for round in 0..ROUNDS {
            pods.extend(start(&client, &mut watch, &[format!("pod-{round}")]).await?);
            runc.push(bundle.start()?);
        }
        let names: Vec<String> = (0..TOGETHER).map(|number| format!("many-{number}")).collect();
        start(&client, &mut watch, &names).await
    })?;
    cluster.uninstall()?;
    Ok(rows(&pods, &runc, &together))
}

fn rows(pods: &[Duration], runc: &[Duration], together: &[Duration]) -> Vec<Row> {
    let (pods, runc, together) =
        (Samples::of_durations(pods), Samples::of_durations(runc), Samples::of_durations(together));
    let beside = format!("runc create+start {}", runc.milliseconds());
    let all = together.percentile(100.0);
    vec![
        Row::new("create to Running, one at a time", pods.milliseconds())
            .beside(beside, pods.median(), runc.median())
            .goal("p50 under 3 times runc", pods.median(), 3.0 * runc.median()),
        Row::new(
            &format!("create to Running, {TOGETHER} at once"),
            format!("all after {} ms", super::figures::figure(all)),
        )
        .beside(format!("{TOGETHER} times runc's p50"), all, TOGETHER as f64 * runc.median()),
    ]
}

/// Creates Pods and waits until each is Running, then deletes them and waits until they are gone. Gives the time of each.
async fn start(client: &Client, watch: &mut Watch, names: &[String]) -> Result<Vec<Duration>> {
    let begin = Instant::now();
    for name in names {
        client.succeed(Method::POST, PODS, pod(name)).await?;
    }
    let mut waiting = names.to_vec();
    let mut times = Vec::new();
    while !waiting.is_empty() {
        let (_, object) = tokio::time::timeout(PATIENCE, watch.next()).await.context("a Pod did not run in time")??;
        if object["status"]["phase"] == "Running"
            && let Some(at) = waiting.iter().position(|name| object["metadata"]["name"] == **name)
        {
            waiting.swap_remove(at);
            times.push(begin.elapsed());
        }
    }
    for name in names {
        client.succeed(Method::DELETE, &format!("{PODS}/{name}?gracePeriodSeconds=1"), Bytes::new()).await?;
    }
    let mut left = names.len();
    while left > 0 {
        let next = tokio::time::timeout(PATIENCE, watch.next()).await.context("a Pod was not deleted in time")?;
        left -= usize::from(next?.0 == "DELETED");
    }
    Ok(times)
}

fn pod(name: &str) -> Bytes {
    let container = json!({"name": "main", "image": "busybox", "imagePullPolicy": "IfNotPresent", "command": COMMAND});
    let object: Value =
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [container]}});
    Bytes::from(object.to_string())
}

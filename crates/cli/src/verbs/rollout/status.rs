//! `rollout status`: how far it is, until it is done.

use std::time::Duration;

use serde_json::Value;

use super::{Status, workloads};
use crate::cluster::Cluster;
use crate::discovery::Served;
use crate::error::{Error, Result, usage};
use crate::say;
use crate::verbs::{select, wait, write};

const LOOK_EVERY: Duration = Duration::from_millis(200);

pub async fn run(cluster: &Cluster, flags: &Status) -> Result<u8> {
    let (found, errors) = workloads(cluster, &flags.target).await?;
    let limit = wait::duration(&flags.timeout)?;
    for (served, live) in found {
        let watched = watch(cluster, flags, &served, live);
        if limit.is_zero() {
            watched.await?;
        } else {
            let reached = tokio::time::timeout(limit, watched).await;
            reached.unwrap_or_else(|_| usage("timed out waiting for the condition"))?;
        }
    }
    select::report(errors)
}

async fn watch(cluster: &Cluster, flags: &Status, served: &Served, mut live: Value) -> Result<()> {
    let mut said = String::new();
    loop {
        let (message, done) = status(served, &live)?;
        if let Some(wanted) = Some(flags.revision).filter(|revision| *revision > 0) {
            let revision = live["metadata"]["annotations"]["deployment.kubernetes.io/revision"].as_str();
            if revision.is_some_and(|revision| revision != wanted.to_string()) {
                return usage(format!(
                    "desired revision ({wanted}) is different from the running revision ({})",
                    revision.unwrap_or_default()
                ));
            }
        }
        if message != said {
            say!("{message}");
            said = message;
        }
        if done || flags.watch == "false" {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
        live = cluster.rest.get(&served.resource, &write::key(&live)).await?;
    }
}

/// The message, and whether the rollout has ended.
fn status(served: &Served, live: &Value) -> Result<(String, bool)> {
    match served.resource.kind.as_ref() {
        "Deployment" => deployment(live),
        "DaemonSet" => daemon_set(live),
        "StatefulSet" => stateful_set(live),
        kind => usage(format!("no status viewer has been implemented for {kind}")),
    }
}

fn observed(live: &Value) -> bool {
    live["metadata"]["generation"].as_i64() <= live["status"]["observedGeneration"].as_i64()
}

fn number(live: &Value, name: &str) -> i64 {
    live["status"][name].as_i64().unwrap_or_default()
}

fn name(live: &Value) -> &str {
    live["metadata"]["name"].as_str().unwrap_or_default()
}

fn deployment(live: &Value) -> Result<(String, bool)> {
    let name = name(live);
    if !observed(live) {
        return Ok(("Waiting for deployment spec update to be observed...\n".to_owned(), false));
    }
    let conditions = live["status"]["conditions"].as_array().into_iter().flatten();
    let mut stuck = conditions.filter(|condition| condition["type"] == "Progressing");
    if stuck.any(|condition| condition["reason"] == "ProgressDeadlineExceeded") {
        return Err(Error::Use(format!("deployment {name:?} exceeded its progress deadline")));
    }
    let wanted = live["spec"]["replicas"].as_i64().unwrap_or(1);
    let (updated, all, available) =
        (number(live, "updatedReplicas"), number(live, "replicas"), number(live, "availableReplicas"));
    let waiting = format!("Waiting for deployment {name:?} rollout to finish:");
    Ok(match () {
        () if updated < wanted => {
            (format!("{waiting} {updated} out of {wanted} new replicas have been updated...\n"), false)
        }
        () if all > updated => {
            (format!("{waiting} {} old replicas are pending termination...\n", all - updated), false)
        }
        () if available < updated => {
            (format!("{waiting} {available} of {updated} updated replicas are available...\n"), false)
        }
        () => (format!("deployment {name:?} successfully rolled out\n"), true),
    })
}

fn daemon_set(live: &Value) -> Result<(String, bool)> {
    let name = name(live);
    if live["spec"]["updateStrategy"]["type"] != "RollingUpdate" {
        return usage("rollout status is only available for RollingUpdate strategy type");
    }
    if !observed(live) {
        return Ok(("Waiting for daemon set spec update to be observed...\n".to_owned(), false));
    }
    let (wanted, updated, available) = (
        number(live, "desiredNumberScheduled"),
        number(live, "updatedNumberScheduled"),
        number(live, "numberAvailable"),
    );
    let waiting = format!("Waiting for daemon set {name:?} rollout to finish:");
    Ok(match () {
        () if updated < wanted => {
            (format!("{waiting} {updated} out of {wanted} new pods have been updated...\n"), false)
        }
        () if available < wanted => {
            (format!("{waiting} {available} of {wanted} updated pods are available...\n"), false)
        }
        () => (format!("daemon set {name:?} successfully rolled out\n"), true),
    })
}

fn stateful_set(live: &Value) -> Result<(String, bool)> {
    let strategy = &live["spec"]["updateStrategy"];
    if strategy["type"] != "RollingUpdate" {
        return usage("rollout status is only available for RollingUpdate strategy type");
    }
    if !observed(live) {
        return Ok(("Waiting for statefulset spec update to be observed...\n".to_owned(), false));
    }
    let wanted = live["spec"]["replicas"].as_i64().unwrap_or(1);
    let (ready, updated) = (number(live, "readyReplicas"), number(live, "updatedReplicas"));
    if ready < wanted {
        return Ok((format!("Waiting for {} pods to be ready...\n", wanted - ready), false));
    }
    if let Some(partition) = strategy["rollingUpdate"]["partition"].as_i64().filter(|partition| *partition > 0) {
        let due = wanted - partition;
        return Ok(if updated < due {
            (
                format!(
                    "Waiting for partitioned roll out to finish: {updated} out of {due} new pods have been updated...\n"
                ),
                false,
            )
        } else {
            (format!("partitioned roll out complete: {updated} new pods have been updated...\n"), true)
        });
    }
    let revision = live["status"]["updateRevision"].as_str().unwrap_or_default();
    if live["status"]["currentRevision"] != revision {
        return Ok((
            format!("waiting for statefulset rolling update to complete {updated} pods at revision {revision}...\n"),
            false,
        ));
    }
    let current = number(live, "currentReplicas");
    Ok((format!("statefulset rolling update complete {current} pods at revision {revision}...\n"), true))
}

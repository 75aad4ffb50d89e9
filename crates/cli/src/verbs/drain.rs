//! `cordon`, `uncordon`, `drain`: a node without new Pods, and without its old ones.

use std::time::Duration;

use clap::Args;
use client::{DeleteOptions, PatchKind, ResourceType};
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use super::get::escape;
use super::select::{Choice, objects, report};
use super::{wait, write};
use crate::cluster::Cluster;
use crate::discovery::Served;
use crate::error::{Error, Result, usage};
use crate::flags::Write;
use crate::{sayln, warnln};

const LOOK_EVERY: Duration = Duration::from_millis(200);
/// A refused eviction is tried again after this.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub struct Nodes {
    pub nodes: Vec<String>,
    #[arg(short = 'l', long)]
    pub selector: Option<String>,
    #[command(flatten)]
    pub write: Write,
}

#[derive(Debug, Args)]
pub struct Flags {
    #[command(flatten)]
    pub nodes: Nodes,
    #[arg(long)]
    pub delete_emptydir_data: bool,
    #[arg(long)]
    pub disable_eviction: bool,
    #[arg(long)]
    pub force: bool,
    #[arg(long, allow_hyphen_values = true, default_value_t = -1)]
    pub grace_period: i64,
    #[arg(long)]
    pub ignore_daemonsets: bool,
    #[arg(long, default_value = "")]
    pub pod_selector: String,
    #[arg(long, default_value = "0s")]
    pub timeout: String,
}

async fn found(cluster: &Cluster, nodes: &Nodes, verb: &str) -> Result<super::select::Found> {
    if nodes.nodes.is_empty() && nodes.selector.is_none() {
        return usage(format!("USAGE: {verb} NODE [flags]\nSee 'kubectl {verb} -h' for help and examples"));
    }
    let mut resources = vec!["nodes".to_owned()];
    resources.extend(nodes.nodes.iter().map(|name| name.trim_start_matches("node/").to_owned()));
    let discovery = cluster.discovery().await?;
    let choice = Choice { resources: &resources, selector: nodes.selector.as_deref(), ..Choice::default() };
    objects(cluster, &discovery, &choice).await
}

/// Sets spec.unschedulable of nodes.
pub async fn cordon(cluster: &Cluster, flags: &Nodes, unschedulable: bool) -> Result<u8> {
    let (found, errors) = found(cluster, flags, if unschedulable { "cordon" } else { "uncordon" }).await?;
    for node in &found {
        cordon_one(cluster, &flags.write, node, unschedulable).await?;
    }
    report(errors)
}

async fn cordon_one(cluster: &Cluster, write: &Write, node: &(Served, Value), unschedulable: bool) -> Result<()> {
    let (served, live) = node;
    let done = if unschedulable { "cordoned" } else { "uncordoned" };
    let name = crate::output::named(live);
    if live["spec"]["unschedulable"].as_bool().unwrap_or_default() == unschedulable {
        return write.report(&name, live, &format!("already {done}"));
    }
    let patch = json!({"spec": {"unschedulable": if unschedulable { json!(true) } else { Value::Null }}});
    let changed = write::patch(cluster, write, (served, live), (PatchKind::Merge, &patch), "kubectl-cordon").await?;
    write.report(&name, &changed, done)
}

pub async fn run(cluster: &Cluster, flags: Flags) -> Result<u8> {
    let (found, errors) = found(cluster, &flags.nodes, "drain").await?;
    for node in &found {
        cordon_one(cluster, &flags.nodes.write, node, true).await?;
    }
    let limit = wait::duration(&flags.timeout)?;
    let mut pending = Vec::new();
    for (_, node) in &found {
        let name = node["metadata"]["name"].as_str().unwrap_or_default();
        let drained = drain(cluster, &flags, name);
        let drained = if limit.is_zero() {
            drained.await
        } else {
            let timed = tokio::time::timeout(limit, drained).await;
            timed.unwrap_or_else(|_| usage(format!("global timeout reached: {}", flags.timeout)))
        };
        match drained {
            Ok(()) => flags.nodes.write.report(&format!("node/{name}"), node, "drained")?,
            Err(error) => pending.push((name, error)),
        }
    }
    if !pending.is_empty() {
        for (name, error) in &pending {
            let error = error.to_string();
            let error = error.strip_prefix("error: ").unwrap_or(&error);
            warnln!("error: unable to drain node {name:?} due to error: {error}, continuing command...");
        }
        warnln!("There are pending nodes to be drained:");
        pending.iter().for_each(|(name, _)| warnln!(" {name}"));
        for (_, error) in &pending {
            let error = error.to_string();
            let error = error.strip_prefix("error: ").unwrap_or(&error);
            error.trim_matches(['[', ']']).split(", cannot").enumerate().for_each(|(at, line)| {
                warnln!("{}{line}", if at > 0 { "cannot" } else { "" });
            });
        }
        return Err(Error::Silent(1));
    }
    report(errors)
}

/// Why Pods cannot go, by reason, and which ones go.
#[derive(Default)]
struct Sorted {
    go: Vec<Value>,
    refused: Vec<(&'static str, Vec<String>)>,
    ignored: Vec<(&'static str, Vec<String>)>,
}

fn sort(pods: Vec<Value>, flags: &Flags) -> Sorted {
    let mut sorted = Sorted::default();
    let put = |list: &mut Vec<(&'static str, Vec<String>)>, why, pod: &Value| {
        let name = write::key(pod).to_string();
        match list.iter_mut().find(|(known, _)| *known == why) {
            Some((_, names)) => names.push(name),
            None => list.push((why, vec![name])),
        }
    };
    for pod in pods {
        if pod["metadata"]["annotations"].get("kubernetes.io/config.mirror").is_some() {
            continue;
        }
        let ended = ["Succeeded", "Failed"].iter().any(|phase| pod["status"]["phase"] == *phase);
        let mut owners = pod["metadata"]["ownerReferences"].as_array().into_iter().flatten();
        let owner = owners.find(|owner| owner["controller"] == true).and_then(|owner| owner["kind"].as_str());
        if owner == Some("DaemonSet") && !ended {
            if flags.ignore_daemonsets {
                put(&mut sorted.ignored, "ignoring DaemonSet-managed Pods", &pod);
            } else {
                put(
                    &mut sorted.refused,
                    "cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore)",
                    &pod,
                );
            }
            continue;
        }
        let empty_dir =
            pod["spec"]["volumes"].as_array().into_iter().flatten().any(|volume| volume["emptyDir"].is_object());
        if empty_dir && !ended && !flags.delete_emptydir_data {
            put(
                &mut sorted.refused,
                "cannot delete Pods with local storage (use --delete-emptydir-data to override)",
                &pod,
            );
            continue;
        }
        if owner.is_none() && !ended {
            if !flags.force {
                put(
                    &mut sorted.refused,
                    "cannot delete Pods that declare no controller (use --force to override)",
                    &pod,
                );
                continue;
            }
            put(&mut sorted.ignored, "deleting Pods that declare no controller", &pod);
        }
        sorted.go.push(pod);
    }
    sorted.refused.sort();
    sorted
}

async fn drain(cluster: &Cluster, flags: &Flags, node: &str) -> Result<()> {
    let mut path = format!("/api/v1/pods?fieldSelector={}", escape(&format!("spec.nodeName={node}")));
    if !flags.pod_selector.is_empty() {
        path.push_str(&format!("&labelSelector={}", escape(&flags.pod_selector)));
    }
    let mut list = cluster.get_json(&path, "application/json").await?;
    let Value::Array(pods) = list["items"].take() else { return Ok(()) };
    let sorted = sort(pods, flags);
    let said = |(why, names): &(&str, Vec<String>)| format!("{why}: {}", names.join(", "));
    if !sorted.refused.is_empty() {
        let all: Vec<String> = sorted.refused.iter().map(said).collect();
        return Err(Error::Use(if all.len() == 1 { all.concat() } else { format!("[{}]", all.join(", ")) }));
    }
    if !sorted.ignored.is_empty() {
        let all: Vec<String> = sorted.ignored.iter().map(said).collect();
        warnln!("Warning: {}", all.join("; "));
    }
    let dry = flags.nodes.write.dry()?;
    for pod in &sorted.go {
        let word = if flags.disable_eviction { "deleting" } else { "evicting" };
        let note = if dry == write::DryRun::None { "" } else { " (dry run)" };
        sayln!("{word} pod {}{note}", write::key(pod));
    }
    if dry == write::DryRun::None {
        futures::future::try_join_all(sorted.go.iter().map(|pod| evict(cluster, flags, pod))).await?;
    }
    Ok(())
}

/// Evicts a Pod, again and again while a budget forbids it, and waits until it is gone.
async fn evict(cluster: &Cluster, flags: &Flags, pod: &Value) -> Result<()> {
    let (resource, key) = (ResourceType::of::<Pod>(), write::key(pod));
    let seconds = (flags.grace_period >= 0).then_some(flags.grace_period);
    loop {
        let asked = if flags.disable_eviction {
            let options = DeleteOptions { grace_period_seconds: seconds, ..DeleteOptions::default() };
            cluster.rest.delete(&resource, &key, &options).await
        } else {
            let mut body = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": key.name, "namespace": key.namespace}});
            if let Some(seconds) = seconds {
                body["deleteOptions"] = json!({"gracePeriodSeconds": seconds});
            }
            cluster.rest.create_sub(&resource, &key, "eviction", &body).await
        };
        match asked {
            Ok(_) => break,
            Err(error) if error.is_not_found() => break,
            Err(error) if error.code() == Some(429) => {
                warnln!(
                    "error when evicting pods/{:?} -n {:?} (will retry after 5s): {error}",
                    key.name,
                    key.namespace
                );
                tokio::time::sleep(AGAIN_AFTER).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    while let Some(live) = cluster.rest.find(&resource, &key).await? {
        if live["metadata"]["uid"] != pod["metadata"]["uid"] {
            break;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    sayln!("pod/{} {}", key.name, if flags.disable_eviction { "deleted" } else { "evicted" });
    Ok(())
}

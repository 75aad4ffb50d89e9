//! `label`, `annotate`, `cordon`, `uncordon`: small merge patches.

use client::{ObjectKey, PatchKind};
use serde_json::{Map, Value, json};

use super::named;
use crate::cluster::Cluster;
use crate::error::{Error, Result, usage};
use crate::flags::Change;
use crate::sayln;

/// What a verb changes and how it says so.
#[derive(Clone, Copy)]
pub struct What {
    field: &'static str,
    done: &'static str,
}

pub const LABELS: What = What { field: "labels", done: "labeled" };
pub const ANNOTATIONS: What = What { field: "annotations", done: "annotated" };

pub async fn run(cluster: &Cluster, flags: Change, what: What) -> Result<u8> {
    let (changes, objects): (Vec<String>, Vec<String>) =
        flags.arguments.into_iter().partition(|argument| argument.contains('=') || argument.ends_with('-'));
    let changes = parse(&changes)?;
    if changes.is_empty() {
        return usage(format!("at least one change of {} is required: KEY=VALUE or KEY-", what.field));
    }
    let discovery = cluster.discovery().await?;
    for object in named(cluster, &discovery, &objects)? {
        let live = cluster.rest.get(&object.served.resource, &object.key).await?;
        let present = &live["metadata"][what.field];
        for (key, value) in &changes {
            let taken = present[key].as_str().filter(|now| value.as_str().is_some_and(|new| new != *now));
            if let Some(now) = taken
                && !flags.overwrite
            {
                return Err(Error::Use(format!("'{key}' already has a value ({now}), and --overwrite is false")));
            }
        }
        let same = changes.iter().all(|(key, value)| present.get(key).unwrap_or(&Value::Null) == value);
        if !same {
            let mut patch = json!({"metadata": {}});
            patch["metadata"][what.field] = Value::Object(changes.clone());
            cluster.rest.patch(&object.served.resource, &object.key, None, (PatchKind::Merge, &patch)).await?;
        }
        sayln!("{} {}", object.printed(), if same { format!("not {}", what.done) } else { what.done.to_owned() });
    }
    Ok(0)
}

fn parse(arguments: &[String]) -> Result<Map<String, Value>> {
    let mut changes = Map::new();
    for argument in arguments {
        match (argument.split_once('='), argument.strip_suffix('-')) {
            (Some((key, value)), _) => changes.insert(key.to_owned(), value.into()),
            (None, Some(key)) => changes.insert(key.to_owned(), Value::Null),
            (None, None) => return usage(format!("{argument:?} is neither KEY=VALUE nor KEY-")),
        };
    }
    Ok(changes)
}

/// Sets spec.unschedulable of nodes.
pub async fn cordon(cluster: &Cluster, nodes: &[String], unschedulable: bool) -> Result<u8> {
    let discovery = cluster.discovery().await?;
    let served = discovery.find("nodes")?;
    let done = if unschedulable { "cordoned" } else { "uncordoned" };
    for node in nodes {
        let key = ObjectKey::cluster(node.trim_start_matches("node/"));
        let live = cluster.rest.get(&served.resource, &key).await?;
        if live["spec"]["unschedulable"].as_bool().unwrap_or_default() == unschedulable {
            sayln!("node/{} already {done}", key.name);
            continue;
        }
        let value = if unschedulable { json!(true) } else { Value::Null };
        let patch = json!({"spec": {"unschedulable": value}});
        cluster.rest.patch(&served.resource, &key, None, (PatchKind::Merge, &patch)).await?;
        sayln!("node/{} {done}", key.name);
    }
    Ok(0)
}

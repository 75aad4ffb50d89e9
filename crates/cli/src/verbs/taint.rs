//! `taint`: KEY=VALUE:EFFECT sets, KEY:EFFECT- and KEY- take away.

use clap::Args;
use client::PatchKind;
use serde_json::{Value, json};

use super::select::{Choice, objects, report};
use super::write;
use crate::cluster::Cluster;
use crate::error::{Result, usage};
use crate::flags::Write;

const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

#[derive(Debug, Args)]
pub struct Flags {
    /// NODE NAME, then taints
    pub arguments: Vec<String>,
    #[arg(long)]
    pub overwrite: bool,
    #[arg(long)]
    pub all: bool,
    #[arg(short = 'l', long)]
    pub selector: Option<String>,
    #[command(flatten)]
    pub write: Write,
}

/// What is to be done with a key.
#[derive(Debug, PartialEq, Eq)]
enum Change {
    Add { key: String, value: String, effect: String },
    Remove { key: String, effect: String },
}

pub async fn run(cluster: &Cluster, flags: Flags) -> Result<u8> {
    let is_change = |word: &String| word.ends_with('-') || word.contains(':') || word.contains('=');
    let (changes, resources): (Vec<String>, Vec<String>) = flags.arguments.iter().cloned().partition(is_change);
    if changes.is_empty() {
        return usage("at least one taint update is required");
    }
    let changes = changes.iter().map(|text| parse(text)).collect::<Result<Vec<_>>>()?;
    let discovery = cluster.discovery().await?;
    if resources
        .first()
        .is_none_or(|kind| !["node", "nodes", "no"].contains(&kind.split('/').next().unwrap_or_default()))
    {
        return usage(format!(
            "invalid resource type {:?}, only node(s) is supported",
            resources.first().map_or("", String::as_str)
        ));
    }
    let choice =
        Choice { resources: &resources, selector: flags.selector.as_deref(), all: flags.all, ..Choice::default() };
    let (found, errors) = objects(cluster, &discovery, &choice).await?;
    for (served, node) in found {
        let old = node["spec"]["taints"].as_array().cloned().unwrap_or_default();
        let name = node["metadata"]["name"].as_str().unwrap_or_default();
        let (taints, done) = changed(name, &old, &changes, flags.overwrite)?;
        let patch = json!({"spec": {"taints": if taints.is_empty() { Value::Null } else { taints.into() }}});
        let node =
            write::patch(cluster, &flags.write, (&served, &node), (PatchKind::Merge, &patch), "kubectl-taint").await?;
        flags.write.report(&crate::output::named(&node), &node, done)?;
    }
    report(errors)
}

fn parse(text: &str) -> Result<Change> {
    if let Some(rest) = text.strip_suffix('-') {
        let (key, effect) = rest.split_once(':').unwrap_or((rest, ""));
        let key = key.split('=').next().unwrap_or_default();
        return Ok(Change::Remove { key: key.to_owned(), effect: effect.to_owned() });
    }
    let (pair, effect) = match text.split_once(':') {
        Some((pair, effect)) => (pair, effect),
        None => return usage(format!("invalid taint spec: {text}, a taint needs an effect: KEY=VALUE:EFFECT")),
    };
    if !EFFECTS.contains(&effect) {
        return usage(format!(
            "invalid taint effect: {effect}, unsupported taint effect\nSee 'kubectl taint -h' for help and examples"
        ));
    }
    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
    Ok(Change::Add { key: key.to_owned(), value: value.to_owned(), effect: effect.to_owned() })
}

/// The taints as they shall be, and the word for it.
fn changed(node: &str, old: &[Value], changes: &[Change], overwrite: bool) -> Result<(Vec<Value>, &'static str)> {
    let mut taints = old.to_vec();
    let (mut new, mut changed, mut removed) = (Vec::new(), false, false);
    for change in changes {
        match change {
            Change::Add { key, value, effect } => {
                let known = taints.iter().position(|taint| taint["key"] == *key && taint["effect"] == *effect);
                if known.is_some() && !overwrite {
                    return usage(format!(
                        "node {node} already has {key} taint(s) with same effect(s) and --overwrite is false"
                    ));
                }
                let mut taint = json!({"key": key, "effect": effect});
                if !value.is_empty() {
                    taint["value"] = value.as_str().into();
                }
                match known {
                    Some(at) => {
                        taints.remove(at);
                        changed = true;
                        new.push(taint);
                    }
                    None => new.push(taint),
                }
            }
            Change::Remove { key, effect } => {
                let before = taints.len();
                taints.retain(|taint| taint["key"] != *key || !(effect.is_empty() || taint["effect"] == *effect));
                if taints.len() == before {
                    let effect = if effect.is_empty() { String::new() } else { format!(":{effect}") };
                    return usage(format!("taint \"{key}{effect}\" not found"));
                }
                removed = true;
            }
        }
    }
    let done = match (new.is_empty(), changed || removed) {
        (false, false) => "tainted",
        (true, _) => "untainted",
        (false, true) => "modified",
    };
    new.extend(taints);
    Ok((new, done))
}

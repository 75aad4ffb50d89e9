//! `set image`, `set env`, `set resources`, `set serviceaccount`: strategic patches of Pod templates.

use clap::{Args, Subcommand};
use client::PatchKind;
use serde_json::{Map, Value, json};

use super::select::{Choice, objects, report};
use super::write;
use crate::cluster::Cluster;
use crate::error::{Result, usage};
use crate::flags::FileArgs;
use crate::sayln;

#[derive(Debug, Args)]
pub struct Flags {
    #[command(subcommand)]
    pub what: What,
}

#[derive(Debug, Subcommand)]
pub enum What {
    /// Update the image of a pod template
    Image(Target),
    /// Update environment variables on a pod template
    Env(Env),
    /// Update resource requests/limits on objects with pod templates
    Resources(Resources),
    /// Update the service account of a resource
    #[command(alias = "sa")]
    Serviceaccount(Target),
}

#[derive(Debug, Args)]
pub struct Target {
    /// TYPE NAME or TYPE/NAME, then what to set
    pub arguments: Vec<String>,
    #[arg(long)]
    pub all: bool,
    #[arg(short = 'l', long)]
    pub selector: Option<String>,
    #[command(flatten)]
    pub from: FileArgs,
}

#[derive(Debug, Args)]
pub struct Env {
    #[command(flatten)]
    pub target: Target,
    #[arg(short, long, default_value = "*")]
    pub containers: String,
    #[arg(long)]
    pub list: bool,
    #[arg(short = 'e', long = "env")]
    pub variables: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Resources {
    #[command(flatten)]
    pub target: Target,
    #[arg(short, long, default_value = "*")]
    pub containers: String,
    #[arg(long, default_value = "")]
    pub limits: String,
    #[arg(long, default_value = "")]
    pub requests: String,
}

pub async fn run(cluster: &Cluster, flags: Flags) -> Result<u8> {
    match flags.what {
        What::Image(target) => {
            let images = pairs(&target.arguments);
            if images.is_empty() {
                return usage("at least one image update is required");
            }
            apply(cluster, &target, "image updated", |spec| image(spec, &images)).await
        }
        What::Env(flags) if flags.list => list(cluster, &flags).await,
        What::Env(flags) => {
            let mut words = flags.target.arguments.clone();
            words.extend(flags.variables.iter().cloned());
            let removed = |word: &&String| word.ends_with('-') && !word.contains('=');
            let mut changes: Vec<(String, Option<String>)> =
                pairs(&words).into_iter().map(|(name, value)| (name, Some(value))).collect();
            changes.extend(words.iter().filter(removed).map(|word| (word.trim_end_matches('-').to_owned(), None)));
            if changes.is_empty() {
                return usage("at least one environment variable must be provided");
            }
            apply(cluster, &flags.target, "env updated", |spec| {
                each(
                    spec,
                    &flags.containers,
                    |name| json!({"name": name, "env": changes.iter().map(variable).collect::<Vec<_>>()}),
                )
            })
            .await
        }
        What::Resources(flags) => {
            let (limits, requests) = (amounts(&flags.limits)?, amounts(&flags.requests)?);
            if limits.is_empty() && requests.is_empty() {
                return usage("you must specify an update to requests or limits (in the form of --requests/--limits)");
            }
            let mut resources = Map::new();
            for (name, amounts) in [("limits", limits), ("requests", requests)] {
                if !amounts.is_empty() {
                    resources.insert(name.to_owned(), amounts.into());
                }
            }
            apply(cluster, &flags.target, "resource requirements updated", |spec| {
                each(spec, &flags.containers, |name| json!({"name": name, "resources": resources}))
            })
            .await
        }
        What::Serviceaccount(mut target) => {
            let Some(account) = target.arguments.pop().filter(|_| !target.arguments.is_empty()) else {
                return usage("serviceaccount is required");
            };
            apply(cluster, &target, "serviceaccount updated", |_| Ok(json!({"serviceAccountName": account}))).await
        }
    }
}

fn variable((name, value): &(String, Option<String>)) -> Value {
    match value {
        Some(value) => json!({"name": name, "value": value}),
        None => json!({"name": name, "$patch": "delete"}),
    }
}

/// The `name=value` among the arguments.
fn pairs(words: &[String]) -> Vec<(String, String)> {
    words
        .iter()
        .filter_map(|word| word.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn amounts(text: &str) -> Result<Map<String, Value>> {
    let mut amounts = Map::new();
    for pair in text.split(',').filter(|pair| !pair.is_empty()) {
        let Some((name, amount)) = pair.split_once('=') else {
            return usage(format!("invalid argument syntax {pair:?}, expected <resource>=<quantity>"));
        };
        amounts.insert(name.to_owned(), amount.into());
    }
    Ok(amounts)
}

/// A patch of a Pod's spec that sets images by container; `*` means all.
fn image(spec: &Value, images: &[(String, String)]) -> Result<Value> {
    let mut patch = Map::new();
    for list in ["initContainers", "containers"] {
        let known = spec[list].as_array().into_iter().flatten().filter_map(|container| container["name"].as_str());
        let changed: Vec<Value> = known
            .filter_map(|name| {
                let (_, image) = images.iter().find(|(wanted, _)| wanted == name || wanted == "*")?;
                Some(json!({"name": name, "image": image}))
            })
            .collect();
        if !changed.is_empty() {
            patch.insert(list.to_owned(), changed.into());
        }
    }
    for (name, _) in images.iter().filter(|(name, _)| name != "*") {
        let there = patch
            .values()
            .any(|list| list.as_array().into_iter().flatten().any(|container| container["name"] == *name));
        if !there {
            return usage(format!("unable to find container named {name:?}"));
        }
    }
    Ok(Value::Object(patch))
}

/// A patch of the containers that match a name or `*`.
fn each(spec: &Value, wanted: &str, patch: impl Fn(&str) -> Value) -> Result<Value> {
    let names = spec["containers"].as_array().into_iter().flatten().filter_map(|container| container["name"].as_str());
    let patches: Vec<Value> = names.filter(|name| wanted == "*" || wanted == *name).map(&patch).collect();
    if patches.is_empty() {
        return usage(format!("unable to find container named {wanted:?}"));
    }
    Ok(json!({"containers": patches}))
}

async fn found(cluster: &Cluster, target: &Target) -> Result<super::select::Found> {
    let named = |word: &&String| !word.contains('=') && !word.ends_with('-');
    let resources: Vec<String> = target.arguments.iter().filter(named).cloned().collect();
    let discovery = cluster.discovery().await?;
    let choice = Choice {
        resources: &resources,
        files: &target.from.files,
        selector: target.selector.as_deref(),
        all: target.all,
        ..Choice::default()
    };
    objects(cluster, &discovery, &choice).await
}

/// Where an object has its Pod's spec.
fn spec_path(object: &Value) -> &'static str {
    match object["kind"].as_str() {
        Some("Pod") => "/spec",
        Some("CronJob") => "/spec/jobTemplate/spec/template/spec",
        _ => "/spec/template/spec",
    }
}

async fn apply(cluster: &Cluster, target: &Target, done: &str, decide: impl Fn(&Value) -> Result<Value>) -> Result<u8> {
    let (found, mut errors) = found(cluster, target).await?;
    for (served, live) in found {
        let path = spec_path(&live);
        let decided = live.pointer(path).map_or_else(|| usage("the object has no pod template"), &decide);
        let patch = match decided {
            Ok(patch) => {
                path.rsplit('/').filter(|name| !name.is_empty()).fold(patch, |below, name| json!({name: below}))
            }
            Err(error) => {
                errors.push(error);
                continue;
            }
        };
        let changed =
            write::patch(cluster, &target.from.write, (&served, &live), (PatchKind::Strategic, &patch), "kubectl-set")
                .await?;
        // What changes nothing is not worth a word.
        if changed["spec"] != live["spec"] || target.from.write.dry()? == write::DryRun::Client {
            target.from.write.report(&crate::output::named(&live), &changed, done)?;
        }
    }
    report(errors)
}

async fn list(cluster: &Cluster, flags: &Env) -> Result<u8> {
    let (found, errors) = found(cluster, &flags.target).await?;
    for (served, live) in found {
        let name = live["metadata"]["name"].as_str().unwrap_or_default();
        let spec = live.pointer(spec_path(&live)).unwrap_or(&Value::Null);
        for container in spec["containers"].as_array().into_iter().flatten() {
            sayln!("# {} {name}, container {}", served.resource.kind, container["name"].as_str().unwrap_or_default());
            for variable in container["env"].as_array().into_iter().flatten() {
                match variable["value"].as_str() {
                    Some(value) => sayln!("{}={value}", variable["name"].as_str().unwrap_or_default()),
                    None => {
                        sayln!("# {} from {}", variable["name"].as_str().unwrap_or_default(), variable["valueFrom"])
                    }
                }
            }
        }
    }
    report(errors)
}

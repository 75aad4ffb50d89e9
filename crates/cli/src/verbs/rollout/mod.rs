//! `rollout`: status, history, undo, restart, pause, resume.

mod history;
mod status;

use clap::{Args, Subcommand};
use client::PatchKind;
use serde_json::{Value, json};

use super::select::{Choice, objects, report};
use super::write;
use crate::cluster::Cluster;
use crate::discovery::Served;
use crate::error::{Error, Result, usage};
use crate::flags::FileArgs;

#[derive(Debug, Args)]
pub struct Flags {
    #[command(subcommand)]
    pub action: Action,
}

#[derive(Debug, Subcommand)]
pub enum Action {
    /// View rollout history
    History(History),
    /// Mark the provided resource as paused
    Pause(Target),
    /// Restart a resource
    Restart(Target),
    /// Resume a paused resource
    Resume(Target),
    /// Show the status of the rollout
    Status(Status),
    /// Undo a previous rollout
    Undo(Undo),
}

#[derive(Debug, Args)]
pub struct Target {
    /// TYPE NAME or TYPE/NAME
    pub resources: Vec<String>,
    #[arg(short = 'l', long)]
    pub selector: Option<String>,
    #[command(flatten)]
    pub from: FileArgs,
}

#[derive(Debug, Args)]
pub struct History {
    #[command(flatten)]
    pub target: Target,
    #[arg(long, default_value_t = 0)]
    pub revision: i64,
}

#[derive(Debug, Args)]
pub struct Undo {
    #[command(flatten)]
    pub target: Target,
    #[arg(long, default_value_t = 0)]
    pub to_revision: i64,
}

#[derive(Debug, Args)]
pub struct Status {
    #[command(flatten)]
    pub target: Target,
    #[arg(long, default_value_t = 0)]
    pub revision: i64,
    #[arg(long, default_value = "0s")]
    pub timeout: String,
    #[arg(short, long, default_value = "true", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub watch: String,
}

pub async fn run(cluster: &Cluster, flags: Flags) -> Result<u8> {
    match flags.action {
        Action::History(flags) => history::show(cluster, &flags).await,
        Action::Undo(flags) => history::undo(cluster, &flags).await,
        Action::Status(flags) => status::run(cluster, &flags).await,
        Action::Pause(target) => change(cluster, &target, "paused", pause).await,
        Action::Resume(target) => change(cluster, &target, "resumed", resume).await,
        Action::Restart(target) => {
            let now = cluster.now.to_string();
            let now = now.split('.').next().unwrap_or_default().trim_end_matches('Z').to_owned() + "Z";
            change(cluster, &target, "restarted", move |served, live| restart(served, live, &now)).await
        }
    }
}

/// The workloads that are meant.
async fn workloads(cluster: &Cluster, target: &Target) -> Result<super::select::Found> {
    if target.resources.is_empty() && target.from.files.is_empty() {
        return usage("required resource not specified");
    }
    let discovery = cluster.discovery().await?;
    let choice = Choice {
        resources: &target.resources,
        files: &target.from.files,
        selector: target.selector.as_deref(),
        all: true,
        ..Choice::default()
    };
    objects(cluster, &discovery, &choice).await
}

/// Patches every workload with what `decide` says.
async fn change(
    cluster: &Cluster,
    target: &Target,
    done: &str,
    decide: impl Fn(&Served, &Value) -> Result<Value>,
) -> Result<u8> {
    let (found, mut errors) = workloads(cluster, target).await?;
    for (served, live) in found {
        match decide(&served, &live) {
            Ok(patch) => {
                let changed = write::patch(
                    cluster,
                    &target.from.write,
                    (&served, &live),
                    (PatchKind::Strategic, &patch),
                    "kubectl-rollout",
                )
                .await?;
                target.from.write.report(&crate::output::named(&live), &changed, done)?;
            }
            Err(error) => errors.push(error),
        }
    }
    report(errors)
}

fn refused<T>(served: &Served, live: &Value, why: &str) -> Result<T> {
    let name = live["metadata"]["name"].as_str().unwrap_or_default();
    Err(Error::Use(format!("{} {name:?} {why}", write::resource_name(served))))
}

fn pause(served: &Served, live: &Value) -> Result<Value> {
    match (served.resource.kind.as_ref(), live["spec"]["paused"] == true) {
        ("Deployment", false) => Ok(json!({"spec": {"paused": true}})),
        ("Deployment", true) => refused(served, live, "is already paused"),
        _ => refused(served, live, "pausing is not supported"),
    }
}

fn resume(served: &Served, live: &Value) -> Result<Value> {
    match (served.resource.kind.as_ref(), live["spec"]["paused"] == true) {
        ("Deployment", true) => Ok(json!({"spec": {"paused": null}})),
        ("Deployment", false) => refused(served, live, "is not paused"),
        _ => refused(served, live, "resuming is not supported"),
    }
}

fn restart(served: &Served, live: &Value, now: &str) -> Result<Value> {
    if live["spec"]["paused"] == true {
        return refused(served, live, "can't restart paused deployment (run rollout resume first)");
    }
    match served.resource.kind.as_ref() {
        "Deployment" | "StatefulSet" | "DaemonSet" => {
            let annotations = json!({"kubectl.kubernetes.io/restartedAt": now});
            Ok(json!({"spec": {"template": {"metadata": {"annotations": annotations}}}}))
        }
        _ => refused(served, live, "restarting is not supported"),
    }
}

//! The verbs, and what they share: which objects an argument list means.

pub mod apply;
pub mod attach;
pub mod auth;
pub mod autoscale;
pub mod cluster_info;
pub mod config;
pub mod cp;
pub mod create;
pub mod delete;
pub mod describe;
pub mod diff;
pub mod drain;
pub mod edit;
pub mod events;
pub mod exec;
pub mod explain;
pub mod expose;
pub mod get;
pub mod logs;
mod metadata;
pub mod patch;
pub mod port_forward;
pub mod replace;
pub mod rollout;
pub mod run;
pub mod scale;
mod select;
pub mod set;
pub mod taint;
mod target;
pub mod top;
pub mod wait;
mod write;

use client::ObjectKey;
use jiff::Timestamp;

use crate::cluster::Cluster;
use crate::discovery::{Discovery, Served};
use crate::error::{Result, usage};
use crate::flags::{Command, Verb};

/// Runs a verb; the number is the exit code.
pub async fn run(command: Command, now: Timestamp) -> Result<u8> {
    // These do without a server.
    let command = match command.verb {
        Verb::Version(flags) => return cluster_info::version(&command.global, now, &flags).await,
        Verb::Config(flags) => return config::run(&command.global, flags),
        verb => Command { verb, ..command },
    };
    let cluster = Cluster::open(&command.global, now)?;
    match command.verb {
        Verb::Get(flags) => get::run(&cluster, flags).await,
        Verb::Describe(flags) => describe::run(&cluster, flags).await,
        Verb::Apply(flags) => apply::run(&cluster, flags).await,
        Verb::Create(flags) => create::run(&cluster, flags).await,
        Verb::Delete(flags) => delete::run(&cluster, flags).await,
        Verb::Scale(flags) => scale::run(&cluster, flags).await,
        Verb::Label(flags) => metadata::run(&cluster, flags, metadata::LABELS).await,
        Verb::Annotate(flags) => metadata::run(&cluster, flags, metadata::ANNOTATIONS).await,
        Verb::Wait(flags) => wait::run(&cluster, flags).await,
        Verb::Logs(flags) => logs::run(&cluster, flags).await,
        Verb::Exec(flags) => exec::run(&cluster, flags).await,
        Verb::Attach(flags) => attach::run(&cluster, flags).await,
        Verb::PortForward(flags) => port_forward::run(&cluster, flags).await,
        Verb::ApiResources(flags) => cluster_info::api_resources(&cluster, &flags).await,
        Verb::ApiVersions => cluster_info::api_versions(&cluster).await,
        Verb::ClusterInfo => cluster_info::run(&cluster).await,
        Verb::Cordon(flags) => drain::cordon(&cluster, &flags, true).await,
        Verb::Uncordon(flags) => drain::cordon(&cluster, &flags, false).await,
        Verb::Drain(flags) => drain::run(&cluster, flags).await,
        Verb::Taint(flags) => taint::run(&cluster, flags).await,
        Verb::Patch(flags) => patch::run(&cluster, flags).await,
        Verb::Rollout(flags) => rollout::run(&cluster, flags).await,
        Verb::Set(flags) => set::run(&cluster, flags).await,
        Verb::Run(flags) => run::run(&cluster, *flags).await,
        Verb::Expose(flags) => expose::run(&cluster, flags).await,
        Verb::Auth(flags) => auth::run(&cluster, flags).await,
        Verb::Top(flags) => top::run(&cluster, flags).await,
        Verb::Explain(flags) => explain::run(&cluster, flags).await,
        Verb::Diff(flags) => diff::run(&cluster, flags).await,
        Verb::Edit(flags) => edit::run(&cluster, flags).await,
        Verb::Replace(flags) => replace::run(&cluster, flags).await,
        Verb::Cp(flags) => cp::run(&cluster, flags).await,
        Verb::Events(flags) => events::run(&cluster, flags).await,
        Verb::Autoscale(flags) => autoscale::run(&cluster, flags).await,
        Verb::Version(_) | Verb::Config(_) => Ok(0),
    }
}

/// One object named on the command line.
pub struct Named {
    pub served: Served,
    pub key: ObjectKey,
}

impl Named {
    /// `deployment.apps/web`.
    pub fn printed(&self) -> String {
        self.served.printed(&self.key.name)
    }
}

/// `TYPE NAME...`, `TYPE/NAME...` as objects; further arguments that are neither come back as they are.
pub fn named(cluster: &Cluster, discovery: &Discovery, arguments: &[String]) -> Result<Vec<Named>> {
    let Some(first) = arguments.first() else { return usage("you must specify the type of resource") };
    let object = |served: &Served, name: &str| {
        let namespace = if served.namespaced { cluster.namespace.clone() } else { String::new() };
        Named { served: served.clone(), key: ObjectKey::new(namespace, name) }
    };
    if first.contains('/') {
        return arguments
            .iter()
            .map(|argument| match argument.split_once('/') {
                Some((kind, name)) => Ok(object(discovery.find(kind)?, name)),
                None => usage("there is no need to specify a resource type as a separate argument when passing arguments in resource/name form (e.g. 'kubectl get resource/<resource_name>' instead of 'kubectl get resource resource/<resource_name>'"),
            })
            .collect();
    }
    let mut objects = Vec::new();
    for kind in first.split(',') {
        let served = discovery.find(kind)?;
        objects.extend(arguments[1..].iter().map(|name| object(served, name)));
    }
    Ok(objects)
}

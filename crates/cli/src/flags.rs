//! The command line, as kubectl has it. Each verb's own flags stand in the verb's file.

mod global;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, Args, CommandFactory, Parser, Subcommand};
use serde_json::Value;

pub use global::Global;

use crate::error::Result;
use crate::{say, verbs, warnln};

/// 1 would say that there are differences.
const DIFF_FAILURE: u8 = 2;

/// oxkube's kubectl controls the Kubernetes cluster manager.
#[derive(Debug, Parser)]
#[command(name = "kubectl", disable_version_flag = true)]
pub struct Command {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Display one or many resources
    Get(verbs::get::Flags),
    /// Show details of a specific resource or group of resources
    Describe(verbs::describe::Flags),
    /// Apply a configuration to a resource by file name or stdin
    Apply(verbs::apply::Flags),
    /// Create a resource from a file, from stdin or from flags
    Create(verbs::create::Flags),
    /// Delete resources by file names, stdin, resources and names
    Delete(verbs::delete::Flags),
    /// Update fields of a resource with a patch
    Patch(verbs::patch::Flags),
    /// Set a new size for a workload
    Scale(verbs::scale::Flags),
    /// Manage the rollout of a resource
    Rollout(verbs::rollout::Flags),
    /// Set specific features on objects
    Set(verbs::set::Flags),
    /// Run a particular image on the cluster
    Run(Box<verbs::run::Flags>),
    /// Expose a resource as a new Kubernetes service
    Expose(verbs::expose::Flags),
    /// Update the labels on a resource
    Label(Change),
    /// Update the annotations on a resource
    Annotate(Change),
    /// Wait for a condition on one or many resources
    Wait(verbs::wait::Flags),
    /// Print the logs for a container in a pod
    Logs(verbs::logs::Flags),
    /// Execute a command in a container
    Exec(verbs::exec::Flags),
    /// Attach to a running container
    Attach(verbs::attach::Flags),
    /// Forward one or more local ports to a pod
    #[command(name = "port-forward")]
    PortForward(verbs::port_forward::Flags),
    /// Inspect authorization
    Auth(verbs::auth::Flags),
    /// Display resource usage
    Top(verbs::top::Flags),
    /// Update the taints on one or more nodes
    Taint(verbs::taint::Flags),
    /// Mark node as unschedulable
    Cordon(verbs::drain::Nodes),
    /// Mark node as schedulable
    Uncordon(verbs::drain::Nodes),
    /// Drain node in preparation for maintenance
    Drain(verbs::drain::Flags),
    /// Get documentation for a resource
    Explain(verbs::explain::Flags),
    /// Print the supported API resources
    #[command(name = "api-resources")]
    ApiResources(verbs::cluster_info::Resources),
    /// Print the supported API versions, as "group/version"
    #[command(name = "api-versions")]
    ApiVersions,
    /// Display addresses of the control plane
    #[command(name = "cluster-info")]
    ClusterInfo,
    /// Print the client and server version information
    Version(verbs::cluster_info::Version),
    /// Diff the live version against a would-be applied version
    Diff(verbs::diff::Flags),
    /// Edit a resource on the server
    Edit(verbs::edit::Flags),
    /// Replace a resource by file name or stdin
    Replace(verbs::replace::Flags),
    /// Copy files and directories to and from containers
    Cp(verbs::cp::Flags),
    /// List events
    Events(verbs::events::Flags),
    /// Auto-scale a deployment, replica set, stateful set, or replication controller
    Autoscale(verbs::autoscale::Flags),
    /// Modify kubeconfig files
    Config(verbs::config::Flags),
}

impl Verb {
    /// The exit code of this verb's errors.
    pub fn failure(&self) -> u8 {
        if matches!(self, Self::Diff(_)) { DIFF_FAILURE } else { 1 }
    }
}

/// What verbs that write from files take.
#[derive(Clone, Debug, Args)]
pub struct FileArgs {
    #[arg(short = 'f', long = "filename")]
    pub files: Vec<String>,
    /// Folders in folders too
    #[arg(short = 'R', long)]
    pub recursive: bool,
    #[command(flatten)]
    pub write: Write,
}

impl FileArgs {
    pub fn objects(&self) -> Result<Vec<Value>> {
        crate::files::read_all(&self.files, self.recursive)
    }
}

/// How a write is done and reported.
#[derive(Clone, Debug, Default, Args)]
pub struct Write {
    #[arg(short, long, default_value = "", global = true)]
    pub output: String,
    #[arg(long, default_value = "none", num_args = 0..=1, default_missing_value = "unchanged", require_equals = true, global = true)]
    pub dry_run: String,
    #[arg(long, default_value = "true", num_args = 0..=1, default_missing_value = "true", require_equals = true, global = true)]
    pub validate: String,
    #[arg(long, default_value = "", global = true)]
    pub field_manager: String,
}

/// `label` and `annotate`: TYPE NAME KEY=VALUE... KEY-
#[derive(Debug, Args)]
pub struct Change {
    pub arguments: Vec<String>,
    #[arg(long)]
    pub overwrite: bool,
    #[arg(short = 'l', long)]
    pub selector: Option<String>,
    #[arg(long)]
    pub all: bool,
    #[arg(long)]
    pub list: bool,
    #[command(flatten)]
    pub from: FileArgs,
}

/// `--flag=true` and `--flag=false` of flags that are on or off; clap knows only `--flag`. What stands after `--` is left alone.
pub fn plain(arguments: Vec<String>) -> Vec<String> {
    let command = Command::command();
    let mut verb = &command;
    let mut plain = Vec::new();
    let mut rest = arguments.into_iter();
    for argument in rest.by_ref() {
        if argument == "--" {
            plain.push(argument);
            break;
        }
        if let Some(found) = verb.find_subcommand(&argument) {
            verb = found;
        }
        let switch = |name: &str| {
            let is = |arg: &clap::Arg| arg.get_long() == Some(name) && matches!(arg.get_action(), ArgAction::SetTrue);
            verb.get_arguments().any(is)
        };
        match argument.strip_prefix("--").and_then(|flag| flag.split_once('=')) {
            Some((name, "true")) if switch(name) => plain.push(format!("--{name}")),
            Some((name, "false")) if switch(name) => {}
            _ => plain.push(argument),
        }
    }
    plain.extend(rest);
    plain
}

/// Help, or what is wrong with the command line in kubectl's words.
pub fn refuse(error: &clap::Error, arguments: &[String]) -> u8 {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        say!("{}", error.render());
        return 0;
    }
    let command = Command::command();
    let verb = arguments.iter().find(|argument| command.find_subcommand(argument).is_some()).map_or("", String::as_str);
    let context = |kind: ContextKind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    };
    let argument = context(ContextKind::InvalidArg);
    let see = format!("See 'kubectl {verb} --help' for usage.");
    match error.kind() {
        ErrorKind::UnknownArgument if argument.starts_with("--") => warnln!("error: unknown flag: {argument}\n{see}"),
        ErrorKind::UnknownArgument if argument.starts_with('-') => {
            let letter = argument.trim_start_matches('-').chars().next().unwrap_or('-');
            warnln!("error: unknown shorthand flag: '{letter}' in {argument}\n{see}");
        }
        ErrorKind::InvalidSubcommand => {
            let unknown = context(ContextKind::InvalidSubcommand);
            warnln!("error: unknown command {unknown:?} for \"kubectl\"");
        }
        ErrorKind::MissingRequiredArgument if argument.starts_with("--") => {
            let flag = argument.trim_start_matches('-').split([' ', '=']).next().unwrap_or_default();
            warnln!("error: required flag(s) {flag:?} not set");
        }
        _ => warnln!("{}", error.render().to_string().trim_end()),
    }
    if verb == "diff" { DIFF_FAILURE } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_all_verbs_agree() {
        Command::command().debug_assert();
    }
}

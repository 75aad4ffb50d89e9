//! The command line, as kubectl has it.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};

/// oxkube's kubectl controls the Kubernetes cluster manager.
#[derive(Debug, Parser)]
#[command(name = "kubectl", disable_version_flag = true)]
pub struct Command {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub verb: Verb,
}

/// Flags that every verb takes.
#[derive(Clone, Debug, Args)]
pub struct Global {
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    #[arg(long, global = true)]
    pub context: Option<String>,
    #[arg(short, long, global = true)]
    pub namespace: Option<String>,
    #[arg(short, long, global = true, value_name = "URL")]
    pub server: Option<String>,
    #[arg(long, global = true)]
    pub token: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Display one or many resources
    Get(Get),
    /// Apply a configuration to a resource by file name or stdin
    Apply(Apply),
    /// Create a resource from a file or from stdin
    Create(FileArgs),
    /// Delete resources by file names, stdin, resources and names
    Delete(Delete),
    /// Set a new size for a workload
    Scale(Scale),
    /// Update the labels on a resource
    Label(Change),
    /// Update the annotations on a resource
    Annotate(Change),
    /// Wait for a condition on one or many resources
    Wait(Wait),
    /// Print the logs for a container in a pod
    Logs(Logs),
    /// Print the supported API resources
    #[command(name = "api-resources")]
    ApiResources,
    /// Display addresses of the control plane
    #[command(name = "cluster-info")]
    ClusterInfo,
    /// Mark node as unschedulable
    Cordon { nodes: Vec<String> },
    /// Mark node as schedulable
    Uncordon { nodes: Vec<String> },
    /// Print the client and server version information
    Version,
}

#[derive(Debug, Args)]
pub struct Get {
    /// TYPE[,TYPE] [NAME...] or TYPE/NAME...
    pub resources: Vec<String>,
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    #[arg(short, long, default_value = "")]
    pub output: String,
    #[arg(short = 'l', long)]
    pub selector: Option<String>,
    #[arg(long)]
    pub field_selector: Option<String>,
    #[arg(long)]
    pub show_labels: bool,
    #[arg(long)]
    pub no_headers: bool,
    #[arg(long)]
    pub ignore_not_found: bool,
    #[arg(long)]
    pub sort_by: Option<String>,
    #[arg(long)]
    pub raw: Option<String>,
    #[arg(short = 'f', long = "filename")]
    pub files: Vec<String>,
}

#[derive(Debug, Args)]
pub struct FileArgs {
    #[arg(short = 'f', long = "filename", required = true)]
    pub files: Vec<String>,
    #[arg(short, long, default_value = "")]
    pub output: String,
    #[arg(long, default_value = "none")]
    pub dry_run: String,
    #[arg(long, default_value = "true")]
    pub validate: String,
}

#[derive(Debug, Args)]
pub struct Apply {
    #[command(flatten)]
    pub from: FileArgs,
}

#[derive(Debug, Args)]
pub struct Delete {
    pub resources: Vec<String>,
    #[arg(short = 'f', long = "filename")]
    pub files: Vec<String>,
    #[arg(short = 'l', long)]
    pub selector: Option<String>,
    #[arg(long)]
    pub all: bool,
    #[arg(long)]
    pub force: bool,
    #[arg(long, allow_hyphen_values = true)]
    pub grace_period: Option<i64>,
    #[arg(long)]
    pub ignore_not_found: bool,
    #[arg(long, default_value = "background")]
    pub cascade: String,
    #[arg(long, default_value_t = true, action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub wait: bool,
}

#[derive(Debug, Args)]
pub struct Scale {
    pub resources: Vec<String>,
    #[arg(long)]
    pub replicas: i64,
    #[arg(long)]
    pub current_replicas: Option<i64>,
}

/// `label` and `annotate`: TYPE NAME KEY=VALUE... KEY-
#[derive(Debug, Args)]
pub struct Change {
    pub arguments: Vec<String>,
    #[arg(long)]
    pub overwrite: bool,
}

#[derive(Debug, Args)]
pub struct Wait {
    pub resources: Vec<String>,
    #[arg(long = "for")]
    pub what: String,
    #[arg(long, default_value = "30s")]
    pub timeout: String,
    #[arg(short = 'l', long)]
    pub selector: Option<String>,
    #[arg(long)]
    pub all: bool,
}

#[derive(Debug, Args)]
pub struct Logs {
    /// POD or TYPE/NAME
    pub target: String,
    #[arg(short, long)]
    pub container: Option<String>,
    #[arg(short, long)]
    pub follow: bool,
    #[arg(short, long)]
    pub previous: bool,
    #[arg(long)]
    pub timestamps: bool,
    #[arg(long, allow_hyphen_values = true)]
    pub tail: Option<i64>,
}

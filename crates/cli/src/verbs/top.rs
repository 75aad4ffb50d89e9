//! `top`: what Pods and nodes use, where a metrics API is served.

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::cluster::Cluster;
use crate::error::{Result, usage};

#[derive(Debug, Args)]
pub struct Flags {
    #[command(subcommand)]
    pub what: What,
}

#[derive(Debug, Subcommand)]
pub enum What {
    /// Display resource (CPU/memory) usage of nodes
    #[command(alias = "nodes", alias = "no")]
    Node(Names),
    /// Display resource (CPU/memory) usage of pods
    #[command(alias = "pods", alias = "po")]
    Pod(Names),
}

#[derive(Debug, Args)]
pub struct Names {
    pub names: Vec<String>,
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    #[arg(long)]
    pub containers: bool,
    #[arg(short = 'l', long)]
    pub selector: Option<String>,
    #[arg(long)]
    pub sort_by: Option<String>,
    #[arg(long)]
    pub no_headers: bool,
}

/// Metrics are not served yet, and other servers' are not read.
pub async fn run(cluster: &Cluster, _: Flags) -> Result<u8> {
    let groups: Value = cluster.rest.read("/apis").await?;
    let served = groups["groups"].as_array().into_iter().flatten().any(|group| group["name"] == "metrics.k8s.io");
    usage(if served {
        "top is not there yet: read /apis/metrics.k8s.io with get --raw"
    } else {
        "Metrics API not available"
    })
}

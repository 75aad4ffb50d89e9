//! `scale`: through the scale subresource, whatever the kind.

use clap::Args;
use serde_json::json;

use super::named;
use crate::cluster::Cluster;
use crate::error::{Error, Result, usage};

use crate::sayln;

#[derive(Debug, Args)]
pub struct Flags {
    pub resources: Vec<String>,
    #[arg(long)]
    pub replicas: i64,
    #[arg(long)]
    pub current_replicas: Option<i64>,
    #[arg(long)]
    pub resource_version: Option<String>,
    #[arg(long)]
    pub all: bool,
    #[arg(short = 'l', long)]
    pub selector: Option<String>,
    #[arg(long, hide = true)]
    pub timeout: Option<String>,
    #[command(flatten)]
    pub from: crate::flags::FileArgs,
}

pub async fn run(cluster: &Cluster, flags: Flags) -> Result<u8> {
    if flags.replicas < 0 {
        return usage("The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0");
    }
    let discovery = cluster.discovery().await?;
    for object in named(cluster, &discovery, &flags.resources)? {
        let path = format!("{}/scale", object.served.resource.object_path(&object.key));
        let mut scale = cluster.get_json(&path, "application/json").await?;
        let now = scale["spec"]["replicas"].as_i64().unwrap_or_default();
        if let Some(expected) = flags.current_replicas.filter(|expected| *expected != now) {
            return Err(Error::Use(format!("Expected replicas to be {expected}, was {now}")));
        }
        scale["spec"] = json!({"replicas": flags.replicas});
        cluster.rest.update(&object.served.resource, &object.key, Some("scale"), &scale).await?;
        sayln!("{} scaled", object.printed());
    }
    Ok(0)
}

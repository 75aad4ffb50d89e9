//! `scale`: through the scale subresource, whatever the kind.

use clap::Args;
use serde_json::json;

use super::select::{Choice, objects, report};
use super::write::{self, DryRun};
use crate::cluster::Cluster;
use crate::error::{Error, Result, usage};

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
    let choice = Choice {
        resources: &flags.resources,
        files: &flags.from.files,
        selector: flags.selector.as_deref(),
        all: flags.all,
        ..Choice::default()
    };
    let (found, errors) = objects(cluster, &discovery, &choice).await?;
    if found.is_empty() {
        let why: Vec<String> = errors.iter().map(plain).collect();
        return usage(format!("no objects passed to scale {}", why.join(", ")).trim_end().to_owned());
    }
    for (served, live) in found {
        let key = write::key(&live);
        let path = format!("{}/scale", served.resource.object_path(&key));
        let mut scale = cluster.get_json(&path, "application/json").await?;
        let now = scale["spec"]["replicas"].as_i64().unwrap_or_default();
        if let Some(expected) = flags.current_replicas.filter(|expected| *expected != now) {
            return Err(Error::Use(format!("Expected replicas to be {expected}, was {now}")));
        }
        if let Some(version) = &flags.resource_version {
            scale["metadata"]["resourceVersion"] = version.as_str().into();
        }
        scale["spec"] = json!({"replicas": flags.replicas});
        let mut changed = live.clone();
        match flags.from.write.dry()? {
            DryRun::Client => {}
            dry => {
                let subresource = if dry == DryRun::Server { "scale?dryRun=All" } else { "scale" };
                cluster.rest.update(&served.resource, &key, Some(subresource), &scale).await?;
                changed["spec"]["replicas"] = flags.replicas.into();
            }
        }
        flags.from.write.report(&crate::output::named(&live), &changed, "scaled")?;
    }
    report(errors)
}

fn plain(error: &Error) -> String {
    match error {
        Error::Server(error) => error.to_string(),
        other => other.to_string(),
    }
}

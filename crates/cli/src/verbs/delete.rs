//! `delete`: by file, by name, by selector; waits until the objects are gone unless told otherwise.

use std::time::Duration;

use clap::{ArgAction, Args};
use client::{DeleteOptions, ObjectKey, Propagation};

use super::get::{escape, is_not_found};
use super::{Named, named};
use crate::cluster::Cluster;
use crate::discovery::Discovery;
use crate::error::{Error, Result, usage};

use crate::sayln;

#[derive(Debug, Args)]
pub struct Flags {
    pub resources: Vec<String>,
    #[arg(short = 'f', long = "filename")]
    pub files: Vec<String>,
    #[arg(short = 'l', long)]
    pub selector: Option<String>,
    #[arg(long)]
    pub field_selector: Option<String>,
    #[arg(long)]
    pub all: bool,
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Immediate deletion
    #[arg(long)]
    pub now: bool,
    #[arg(long)]
    pub force: bool,
    #[arg(long, allow_hyphen_values = true)]
    pub grace_period: Option<i64>,
    #[arg(long)]
    pub ignore_not_found: bool,
    #[arg(long, default_value = "background", num_args = 0..=1, default_missing_value = "background", require_equals = true)]
    pub cascade: String,
    #[arg(long, default_value_t = true, action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub wait: bool,
    #[arg(long, default_value = "0s")]
    pub timeout: String,
    #[arg(short, long, default_value = "")]
    pub output: String,
    #[arg(long, default_value = "none", num_args = 0..=1, default_missing_value = "unchanged", require_equals = true)]
    pub dry_run: String,
}

const LOOK_EVERY: Duration = Duration::from_millis(100);

pub async fn run(cluster: &Cluster, flags: Flags) -> Result<u8> {
    let discovery = cluster.discovery().await?;
    let objects = objects(cluster, &discovery, &flags).await?;
    let propagation = match flags.cascade.as_str() {
        "background" | "true" => Propagation::Background,
        "foreground" => Propagation::Foreground,
        "orphan" | "false" => Propagation::Orphan,
        other => {
            return usage(format!(
                "invalid cascade value ({other}). Must be \"background\", \"foreground\", or \"orphan\""
            ));
        }
    };
    if flags.grace_period == Some(0) && !flags.force {
        return usage("--grace-period=0 deletes at once without waiting for the kubelet: add --force if that is meant");
    }
    let grace_period_seconds = flags.grace_period.or(flags.force.then_some(0)).filter(|seconds| *seconds >= 0);
    let options = DeleteOptions { propagation: Some(propagation), grace_period_seconds, ..DeleteOptions::default() };
    let mut deleted = Vec::new();
    for object in objects {
        match cluster.rest.delete(&object.served.resource, &object.key, &options).await {
            Ok(_) => {
                sayln!("{} deleted", object.printed().replacen('/', " \"", 1) + "\"");
                deleted.push(object);
            }
            Err(error) if error.is_not_found() && flags.ignore_not_found => {}
            Err(error) => return Err(error.into()),
        }
    }
    if flags.wait {
        for object in deleted {
            gone(cluster, &object).await?;
        }
    }
    Ok(0)
}

async fn objects(cluster: &Cluster, discovery: &Discovery, flags: &Flags) -> Result<Vec<Named>> {
    if !flags.files.is_empty() {
        return crate::files::read(&flags.files)?
            .iter()
            .map(|object| {
                let (served, namespace) = super::create::place(cluster, discovery, object)?;
                let name = object["metadata"]["name"].as_str().unwrap_or_default();
                let key = ObjectKey::new(if served.namespaced { namespace.as_str() } else { "" }, name);
                Ok(Named { served: served.clone(), key })
            })
            .collect();
    }
    if flags.selector.is_none() && !flags.all {
        let objects = named(cluster, discovery, &flags.resources)?;
        return if objects.is_empty() {
            usage("resource(s) were provided, but no name was specified")
        } else {
            Ok(objects)
        };
    }
    let Some(kind) = flags.resources.first() else { return usage("you must specify the type of resource to delete") };
    let served = discovery.find(kind)?;
    let selector = flags.selector.as_ref().map_or_else(String::new, |text| format!("?labelSelector={}", escape(text)));
    let list = cluster.get_json(&format!("{}{selector}", served.path(&cluster.namespace)), "application/json").await?;
    let items = list["items"].as_array().into_iter().flatten();
    Ok(items
        .map(|item| {
            let text = |name: &str| item["metadata"][name].as_str().unwrap_or_default();
            Named { served: served.clone(), key: ObjectKey::new(text("namespace"), text("name")) }
        })
        .collect())
}

/// Returns when the object is gone.
async fn gone(cluster: &Cluster, object: &Named) -> Result<()> {
    loop {
        match cluster.rest.get(&object.served.resource, &object.key).await.map_err(Error::from) {
            Err(error) if is_not_found(&error) => return Ok(()),
            Err(error) => return Err(error),
            Ok(_) => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}

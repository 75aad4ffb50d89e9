//! `replace`: an object by the one in the file; with `--force` by deleting and creating it.

use std::time::Duration;

use clap::Args;
use client::{DeleteOptions, ObjectKey, Propagation};
use http::Method;
use serde_json::Value;

use super::apply::annotated;
use super::create::{in_file, place};
use super::delete::gone;
use super::write::{self, DryRun};
use super::{Named, select, wait};
use crate::cluster::Cluster;
use crate::error::{Error, Result, usage};
use crate::flags::FileArgs;
use crate::{output, sayln};

#[derive(Debug, Args)]
pub struct Flags {
    #[command(flatten)]
    pub from: FileArgs,
    #[arg(long)]
    pub force: bool,
    #[arg(long, allow_hyphen_values = true)]
    pub grace_period: Option<i64>,
    #[arg(long, default_value = "0s")]
    pub timeout: String,
    #[arg(long)]
    pub save_config: bool,
    #[arg(long)]
    pub subresource: Option<String>,
    /// PUT the file at this path
    #[arg(long)]
    pub raw: Option<String>,
}

pub async fn run(cluster: &Cluster, flags: Flags) -> Result<u8> {
    if flags.from.files.is_empty() {
        return usage("must specify one of -f and -k");
    }
    let objects = flags.from.objects()?;
    if let Some(path) = &flags.raw {
        let answer = cluster.rest.json("update", Method::PUT, path.clone(), objects.first()).await?;
        sayln!("{answer}");
        return Ok(0);
    }
    if flags.force && flags.from.write.dry()? == DryRun::Server {
        return usage("--dry-run=server cannot be used when --force is set");
    }
    let discovery = cluster.discovery().await?;
    let mut errors = Vec::new();
    let mut wanted = Vec::new();
    for mut object in objects {
        let (served, namespace) = place(cluster, &discovery, &object)?;
        let key = ObjectKey::new(
            if served.namespaced { namespace.as_str() } else { "" },
            object["metadata"]["name"].as_str().unwrap_or_default(),
        );
        if flags.save_config {
            object = annotated(object, &key)?;
        }
        wanted.push((Named { served: served.clone(), key }, object));
    }
    if flags.force && flags.from.write.dry()? == DryRun::None {
        clear(cluster, &flags, &wanted).await?;
    }
    for (named, object) in wanted {
        match one(cluster, &flags, &named, object).await {
            Ok(object) => flags.from.write.report(&output::named(&object), &object, "replaced")?,
            Err(error) => errors.push(in_file(error, "replacing", &flags.from.files)),
        }
    }
    select::report(errors)
}

async fn one(cluster: &Cluster, flags: &Flags, named: &Named, mut object: Value) -> Result<Value> {
    if flags.from.write.dry()? == DryRun::Client {
        return Ok(object);
    }
    let resource = &named.served.resource;
    let query = flags.from.write.query("kubectl-replace")?;
    if flags.force {
        let path = format!("{}{query}", named.served.path(&named.key.namespace));
        return Ok(cluster.rest.json("create", Method::POST, path, Some(&object)).await?);
    }
    if object["metadata"]["resourceVersion"].as_str().unwrap_or_default().is_empty() {
        // Whatever is there now is replaced.
        let live = cluster.rest.get(resource, &named.key).await?;
        object["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"].clone();
    }
    let subresource = flags.subresource.as_ref().map_or_else(String::new, |name| format!("/{name}"));
    let path = format!("{}{subresource}{query}", resource.object_path(&named.key));
    Ok(cluster.rest.json("update", Method::PUT, path, Some(&object)).await?)
}

/// Deletes what is to be created anew and waits until it is gone.
async fn clear(cluster: &Cluster, flags: &Flags, wanted: &[(Named, Value)]) -> Result<()> {
    let seconds = flags.grace_period.filter(|seconds| *seconds >= 0);
    let options = DeleteOptions {
        propagation: Some(Propagation::Background),
        grace_period_seconds: seconds,
        ..DeleteOptions::default()
    };
    let limit = match wait::duration(&flags.timeout)? {
        Duration::ZERO => Duration::from_secs(5 * 60),
        limit => limit,
    };
    for (named, _) in wanted {
        match cluster.rest.delete(&named.served.resource, &named.key, &options).await {
            Ok(_) => sayln!("{} {:?} deleted", write::kind_name(&named.served), named.key.name),
            Err(error) if error.is_not_found() => continue,
            Err(error) => return Err(error.into()),
        }
        let waited = tokio::time::timeout(limit, gone(cluster, named)).await;
        waited.unwrap_or_else(|_| Err(Error::Use("timed out waiting for the condition".to_owned())))?;
    }
    Ok(())
}

//! `delete`: by file, by name, by selector; waits until the objects are gone unless told otherwise.

use std::time::Duration;

use clap::{ArgAction, Args};
use client::{DeleteOptions, ObjectKey, Propagation};

use super::get::is_not_found;
use super::write::DryRun;
use super::{Named, named, select, wait};
use crate::cluster::Cluster;
use crate::discovery::Discovery;
use crate::error::{Error, Result, usage};
use crate::flags::Write;

use crate::{sayln, warnln};

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
    let options = options(&flags)?;
    let write = Write { output: flags.output.clone(), dry_run: flags.dry_run.clone(), ..Write::default() };
    let dry = write.dry()?;
    let discovery = cluster.discovery().await?;
    let (objects, mut errors) = found(cluster, &discovery, &flags).await?;
    if flags.force && dry != DryRun::Client {
        warnln!(
            "Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. The resource may continue to run on the cluster indefinitely."
        );
    }
    if objects.is_empty() && errors.is_empty() && (flags.all || flags.selector.is_some()) {
        sayln!("No resources found");
    }
    let mut deleted = Vec::new();
    for object in objects {
        let key = match dry {
            DryRun::Server => ObjectKey::new(object.key.namespace.clone(), format!("{}?dryRun=All", object.key.name)),
            _ => object.key.clone(),
        };
        let asked = match dry {
            DryRun::Client => cluster.rest.get(&object.served.resource, &key).await,
            _ => cluster.rest.delete(&object.served.resource, &key, &options).await,
        };
        match asked {
            Ok(_) => {
                say_deleted(&object, &flags, dry);
                deleted.push(object);
            }
            Err(error) if error.is_not_found() && flags.ignore_not_found => {}
            Err(error) => errors.push(error.into()),
        }
    }
    if flags.wait && !flags.force && dry == DryRun::None {
        let waiting = async {
            for object in &deleted {
                gone(cluster, object).await?;
            }
            Ok(())
        };
        let limit = wait::duration(&flags.timeout)?;
        if limit.is_zero() {
            waiting.await?;
        } else {
            let reached = tokio::time::timeout(limit, waiting).await;
            reached.unwrap_or_else(|_| usage("timed out waiting for the condition"))?;
        }
    }
    select::report(errors)
}

fn options(flags: &Flags) -> Result<DeleteOptions> {
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
    if flags.now && flags.grace_period.is_some_and(|seconds| seconds != -1) {
        return usage("--now and --grace-period cannot be specified together");
    }
    let mut seconds = flags.grace_period.filter(|seconds| *seconds >= 0).or(flags.now.then_some(1));
    if seconds == Some(0) && !flags.force {
        // Without --force the shortest is a second, and the object is waited for.
        seconds = Some(1);
    }
    let grace_period_seconds = seconds.or(flags.force.then_some(0));
    Ok(DeleteOptions { propagation: Some(propagation), grace_period_seconds, ..DeleteOptions::default() })
}

fn say_deleted(object: &Named, flags: &Flags, dry: DryRun) {
    if flags.output == "name" {
        return sayln!("{}", object.printed());
    }
    let kind = object.printed().split('/').next().unwrap_or_default().to_owned();
    let note = match dry {
        DryRun::None => "",
        DryRun::Client => " (dry run)",
        DryRun::Server => " (server dry run)",
    };
    let forced = if flags.force { "force deleted" } else { "deleted" };
    sayln!("{kind} {:?} {forced}{note}", object.key.name);
}

async fn found(cluster: &Cluster, discovery: &Discovery, flags: &Flags) -> Result<(Vec<Named>, Vec<Error>)> {
    if !flags.files.is_empty() {
        let objects = crate::files::read(&flags.files)?;
        let named = objects.iter().map(|object| {
            let (served, namespace) = super::create::place(cluster, discovery, object)?;
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            let key = ObjectKey::new(if served.namespaced { namespace.as_str() } else { "" }, name);
            Ok(Named { served: served.clone(), key })
        });
        return Ok((named.collect::<Result<_>>()?, Vec::new()));
    }
    let by_query = flags.selector.is_some() || flags.all || flags.field_selector.is_some();
    if !by_query {
        let objects = named(cluster, discovery, &flags.resources)?;
        return if objects.is_empty() {
            usage("resource(s) were provided, but no name was specified")
        } else {
            Ok((objects, Vec::new()))
        };
    }
    let choice = select::Choice {
        resources: &flags.resources,
        selector: flags.selector.as_deref(),
        field_selector: flags.field_selector.as_deref(),
        all_namespaces: flags.all_namespaces,
        all: true,
        ..select::Choice::default()
    };
    let (found, errors) = select::objects(cluster, discovery, &choice).await?;
    let named = found.into_iter().map(|(served, object)| Named { key: super::write::key(&object), served });
    Ok((named.collect(), errors))
}

/// Returns when the object is gone.
pub async fn gone(cluster: &Cluster, object: &Named) -> Result<()> {
    loop {
        match cluster.rest.get(&object.served.resource, &object.key).await.map_err(Error::from) {
            Err(error) if is_not_found(&error) => return Ok(()),
            Err(error) => return Err(error),
            Ok(_) => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}

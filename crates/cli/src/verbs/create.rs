//! `create -f`.

use serde_json::Value;

use crate::cluster::Cluster;
use crate::discovery::{Discovery, Served};
use crate::error::{Result, usage};
use crate::flags::{FileArgs, Write};
use crate::output;
use crate::sayln;

#[derive(Debug, clap::Args)]
pub struct Flags {
    #[command(flatten)]
    pub from: FileArgs,
}

pub async fn run(cluster: &Cluster, flags: Flags) -> Result<u8> {
    let flags = flags.from;
    let discovery = cluster.discovery().await?;
    for object in crate::files::read(&flags.files)? {
        let (served, namespace) = place(cluster, &discovery, &object)?;
        let path = format!("{}{}", served.path(&namespace), options(&flags.write)?);
        let created = cluster.rest.json("create", http::Method::POST, path, Some(&object)).await?;
        report(&flags.write, served, &created, "created")?;
    }
    Ok(0)
}

/// Where an object goes: its resource and its namespace.
pub fn place<'a>(cluster: &Cluster, discovery: &'a Discovery, object: &Value) -> Result<(&'a Served, String)> {
    let served = discovery.of_object(object)?;
    let own = object["metadata"]["namespace"].as_str();
    if let Some(own) = own
        && cluster.namespace_given
        && own != cluster.namespace
        && served.namespaced
    {
        return usage(format!(
            "the namespace from the provided object {own:?} does not match the namespace {:?}. You must pass '--namespace={own}' to perform this operation.",
            cluster.namespace
        ));
    }
    Ok((served, own.unwrap_or(&cluster.namespace).to_owned()))
}

/// The query of a write: dry run and how strictly fields are looked at.
pub fn options(flags: &Write) -> Result<String> {
    let validation = match flags.validate.as_str() {
        "true" | "strict" => "Strict",
        "warn" => "Warn",
        "false" | "ignore" => "Ignore",
        other => return usage(format!("invalid - validate option {other:?}")),
    };
    let dry_run = match flags.dry_run.as_str() {
        "none" => "",
        "server" => "&dryRun=All",
        other => return usage(format!("--dry-run={other} is not served here: use none or server")),
    };
    Ok(format!("?fieldManager=kubectl-client-side-apply&fieldValidation={validation}{dry_run}"))
}

/// `deployment.apps/web created`, or the object in the format asked for.
pub fn report(flags: &Write, served: &Served, object: &Value, done: &str) -> Result<()> {
    let name = served.printed(object["metadata"]["name"].as_str().unwrap_or_default());
    if flags.output.is_empty() {
        let note = if flags.dry_run == "server" { " (server dry run)" } else { "" };
        sayln!("{name} {done}{note}");
        return Ok(());
    }
    output::print(object, &flags.output, &[name])
}

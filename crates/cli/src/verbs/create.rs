//! `create -f`.

use serde_json::Value;

use crate::cluster::Cluster;
use crate::discovery::{Discovery, Served};
use crate::error::{Result, usage};
use crate::flags::FileArgs;

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
        let path = format!("{}{}", served.path(&namespace), flags.write.query("kubectl-create")?);
        let created = cluster.rest.json("create", http::Method::POST, path, Some(&object)).await?;
        flags.write.report(
            &served.printed(created["metadata"]["name"].as_str().unwrap_or_default()),
            &created,
            "created",
        )?;
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

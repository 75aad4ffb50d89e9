//! `apply`: three-way between the last applied configuration, the live object and the file, or left to the server. Pruning and
//! `--force` are left out.

mod three_way;

use api::selector::LabelSelector;
use clap::{Args, Subcommand};
use client::{ObjectKey, PatchKind};
use serde_json::{Value, json};

pub use three_way::patch;

use super::create::{in_file, place};
use super::get::hide_managed_fields;
use super::select::{self, Choice};
use super::write::DryRun;
use crate::cluster::Cluster;
use crate::discovery::{Discovery, Served};
use crate::error::{Error, Result, usage};
use crate::flags::{FileArgs, Write};
use crate::{output, warnln};

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

#[derive(Debug, Args)]
pub struct Flags {
    #[command(flatten)]
    pub from: FileArgs,
    #[arg(short = 'l', long)]
    pub selector: Option<String>,
    #[command(flatten)]
    pub server: ServerSide,
    #[command(subcommand)]
    pub what: Option<What>,
}

/// Apply that the server does.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct ServerSide {
    #[arg(long)]
    pub server_side: bool,
    #[arg(long)]
    pub force_conflicts: bool,
}

#[derive(Debug, Subcommand)]
pub enum What {
    /// View the latest last-applied-configuration annotations of a resource/object
    #[command(name = "view-last-applied")]
    View { resources: Vec<String> },
}

/// An object before and after.
pub struct Applied {
    pub live: Option<Value>,
    pub object: Value,
    pub done: &'static str,
}

pub async fn run(cluster: &Cluster, flags: Flags) -> Result<u8> {
    let discovery = cluster.discovery().await?;
    if let Some(What::View { resources }) = &flags.what {
        return view(cluster, &discovery, &flags.from, resources).await;
    }
    let mut objects = flags.from.objects()?;
    if let Some(text) = &flags.selector {
        let selector = LabelSelector::parse(text).map_err(|error| Error::Use(error.to_string()))?;
        objects.retain(|object| selector.matches(object["metadata"]["labels"].as_object()));
    }
    if objects.is_empty() {
        return usage("no objects passed to apply");
    }
    let write = &flags.from.write;
    let (mut applied, mut errors) = (Vec::new(), Vec::new());
    for object in objects {
        match one(cluster, &discovery, object, write, flags.server).await {
            Ok(one) if write.output.is_empty() || write.output == "name" => {
                write.report(&output::named(&one.object), &one.object, one.done)?;
            }
            Ok(one) => applied.push(one.object),
            Err(error) => errors.push(in_file(error, "applying", &flags.from.files)),
        }
    }
    if !applied.is_empty() {
        print(applied, &write.output)?;
    }
    select::report(errors)
}

/// One object as it is, several as a List.
fn print(mut objects: Vec<Value>, format: &str) -> Result<()> {
    objects.iter_mut().for_each(hide_managed_fields);
    let names: Vec<String> = objects.iter().map(output::named).collect();
    let value = match objects.as_slice() {
        [one] => one.clone(),
        _ => json!({"apiVersion": "v1", "items": objects, "kind": "List", "metadata": {}}),
    };
    output::print(&value, format, &names)
}

/// Applies one object.
pub async fn one(
    cluster: &Cluster,
    discovery: &Discovery,
    object: Value,
    write: &Write,
    server: ServerSide,
) -> Result<Applied> {
    let (served, namespace) = place(cluster, discovery, &object)?;
    let key = ObjectKey::new(if served.namespaced { namespace.as_str() } else { "" }, name(&object)?);
    let live = cluster.rest.find(&served.resource, &key).await?;
    if server.server_side {
        return server_side(cluster, served, (&key, live, &object), write, server.force_conflicts).await;
    }
    let wanted = annotated(object, &key)?;
    let dry = write.dry()?;
    let Some(live) = live else {
        let path = format!("{}{}", served.path(&namespace), write.query("kubectl-client-side-apply")?);
        let object = match dry {
            DryRun::Client => wanted,
            _ => cluster.rest.json("create", http::Method::POST, path, Some(&wanted)).await?,
        };
        return Ok(Applied { live, object, done: "created" });
    };
    if dry == DryRun::Client {
        return Ok(Applied { object: live.clone(), live: Some(live), done: "configured" });
    }
    let last = live["metadata"]["annotations"][LAST_APPLIED].as_str().and_then(|text| serde_json::from_str(text).ok());
    if last.is_none() {
        warn_unknown(served, &key);
    }
    let (kind, patch) = patch(&last.unwrap_or_default(), &live, &wanted)?;
    if patch == json!({}) {
        return Ok(Applied { object: live.clone(), live: Some(live), done: "unchanged" });
    }
    // The query stands where a name would end.
    let name = format!("{}{}", key.name, write.query("kubectl-client-side-apply")?);
    let object =
        cluster.rest.patch(&served.resource, &ObjectKey::new(key.namespace, name), None, (kind, &patch)).await?;
    Ok(Applied { live: Some(live), object, done: "configured" })
}

/// The object's name; what the server is to name cannot be applied twice.
fn name(object: &Value) -> Result<&str> {
    let field = |name: &str| object["metadata"][name].as_str().filter(|value| !value.is_empty());
    match (field("name"), field("generateName")) {
        (Some(name), _) => Ok(name),
        (None, Some(generated)) => usage(format!("from {generated}: cannot use generate name with apply")),
        (None, None) => usage("resource name may not be empty"),
    }
}

async fn server_side(
    cluster: &Cluster,
    served: &Served,
    (key, live, object): (&ObjectKey, Option<Value>, &Value),
    write: &Write,
    force: bool,
) -> Result<Applied> {
    if write.dry()? == DryRun::Client {
        return usage("--dry-run=client doesn't work with --server-side (did you mean --dry-run=server instead?)");
    }
    let force = if force { "&force=true" } else { "" };
    let name = format!("{}{}{force}", key.name, write.query("kubectl")?);
    let key = ObjectKey::new(key.namespace.clone(), name);
    let object = cluster.rest.patch(&served.resource, &key, None, (PatchKind::Apply, object)).await?;
    Ok(Applied { live, object, done: "serverside-applied" })
}

fn warn_unknown(served: &Served, key: &ObjectKey) {
    warnln!(
        "Warning: resource {}/{} is missing the {LAST_APPLIED} annotation which is required by kubectl apply. kubectl apply should only be used on resources created declaratively by either kubectl create --save-config or kubectl apply. The missing annotation will be patched automatically.",
        served.resource.plural,
        key.name
    );
}

/// The object with itself, as it is in the file, in the annotation that kubectl reads at the next apply.
pub fn annotated(mut object: Value, key: &ObjectKey) -> Result<Value> {
    if !key.namespace.is_empty() {
        object["metadata"]["namespace"] = key.namespace.as_str().into();
    }
    if let Some(annotations) = object["metadata"]["annotations"].as_object_mut() {
        annotations.remove(LAST_APPLIED);
    } else {
        object["metadata"]["annotations"] = json!({});
    }
    let text = serde_json::to_string(&object).map_err(|error| Error::Use(error.to_string()))? + "\n";
    object["metadata"]["annotations"][LAST_APPLIED] = text.into();
    Ok(object)
}

/// `apply view-last-applied`.
async fn view(cluster: &Cluster, discovery: &Discovery, from: &FileArgs, resources: &[String]) -> Result<u8> {
    let choice = Choice { resources, files: &from.files, all: true, ..Choice::default() };
    let (found, errors) = select::objects(cluster, discovery, &choice).await?;
    for (_, live) in found {
        let name = live["metadata"]["name"].as_str().unwrap_or_default();
        let Some(text) = live["metadata"]["annotations"][LAST_APPLIED].as_str() else {
            return usage(format!("no last-applied-configuration annotation found on resource: {name}"));
        };
        let last: Value = serde_json::from_str(text).map_err(|error| Error::Use(error.to_string()))?;
        let format = if from.write.output.is_empty() { "yaml" } else { &from.write.output };
        output::print(&last, format, &[output::named(&last)])?;
    }
    select::report(errors)
}

//! `patch`: strategic, merge or JSON, from the command line or a file.

use clap::Args;
use client::PatchKind;
use serde_json::Value;

use super::select::{Choice, objects, report};
use super::write;
use crate::cluster::Cluster;
use crate::error::{Error, Result, usage};
use crate::flags::FileArgs;

#[derive(Debug, Args)]
pub struct Flags {
    /// TYPE NAME or TYPE/NAME
    pub resources: Vec<String>,
    #[arg(short, long)]
    pub patch: Option<String>,
    #[arg(long)]
    pub patch_file: Option<String>,
    #[arg(long = "type", default_value = "strategic")]
    pub kind: String,
    #[arg(long)]
    pub subresource: Option<String>,
    #[command(flatten)]
    pub from: FileArgs,
}

pub async fn run(cluster: &Cluster, flags: Flags) -> Result<u8> {
    let kind = match flags.kind.to_lowercase().as_str() {
        "strategic" => PatchKind::Strategic,
        "merge" => PatchKind::Merge,
        "json" => PatchKind::Json,
        other => return usage(format!("--type must be one of [json merge strategic], not {other:?}")),
    };
    let text = match (&flags.patch, &flags.patch_file) {
        (Some(text), None) => text.clone(),
        (None, Some(file)) => {
            std::fs::read_to_string(file).map_err(|error| Error::Use(format!("unable to read patch file: {error}")))?
        }
        _ => return usage("must specify --patch or --patch-file containing the contents of the patch"),
    };
    let patch = api::decode::yaml(text.as_bytes());
    let patch = patch.map_err(|error| Error::Use(format!("unable to parse {text:?}: {error}")))?.0;
    let discovery = cluster.discovery().await?;
    let choice = Choice { resources: &flags.resources, files: &flags.from.files, ..Choice::default() };
    let (found, errors) = objects(cluster, &discovery, &choice).await?;
    for (served, live) in found {
        let changed = match &flags.subresource {
            None => write::patch(cluster, &flags.from.write, (&served, &live), (kind, &patch), "kubectl-patch").await?,
            Some(name) => cluster.rest.patch(&served.resource, &write::key(&live), Some(name), (kind, &patch)).await?,
        };
        let done = if same(&live, &changed) { "patched (no change)" } else { "patched" };
        // A patch says no word of a dry run.
        let shown = crate::flags::Write { dry_run: "none".to_owned(), ..flags.from.write.clone() };
        shown.report(&crate::output::named(&live), &changed, done)?;
    }
    report(errors)
}

/// Nothing was changed but who did it.
fn same(before: &Value, after: &Value) -> bool {
    let plain = |object: &Value| {
        let mut object = object.clone();
        super::get::hide_managed_fields(&mut object);
        object
    };
    plain(before) == plain(after)
}

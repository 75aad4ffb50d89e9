//! `events`: a namespace's events in the order they happened, of one object or of all; watched too.

use clap::Args;
use futures::StreamExt;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::describe::events::{age, last_seen};
use super::get::{escape, with_type_of};
use super::named;
use crate::cluster::Cluster;
use crate::error::{Error, Result, usage};
use crate::output::{self, Table};
use crate::{say, warnln};

#[derive(Debug, Args)]
pub struct Flags {
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// TYPE/NAME
    #[arg(long = "for")]
    pub about: Option<String>,
    #[arg(long, value_delimiter = ',')]
    pub types: Vec<String>,
    #[arg(short, long)]
    pub watch: bool,
    #[arg(long)]
    pub no_headers: bool,
    #[arg(short, long, default_value = "")]
    pub output: String,
    #[arg(long, hide = true)]
    pub chunk_size: Option<i64>,
}

pub async fn run(cluster: &Cluster, flags: Flags) -> Result<u8> {
    if flags.types.iter().any(|kind| !["normal", "warning"].contains(&kind.to_lowercase().as_str())) {
        return usage("valid --types are Normal or Warning");
    }
    let path = path(cluster, &flags).await?;
    let mut list = cluster.get_json(&path, "application/json").await?;
    let version = list["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
    let Value::Array(mut events) = list["items"].take() else { return usage("the server gave no list of events") };
    events.retain(|event| is_wanted(event, &flags));
    let mut widths = Vec::new();
    if events.is_empty() && !flags.watch {
        let place = if flags.all_namespaces { String::new() } else { format!(" in {} namespace", cluster.namespace) };
        warnln!("No events found{place}.");
        return Ok(0);
    }
    events.sort_by_key(last_seen);
    if flags.output.is_empty() {
        let rows = events.iter().map(|event| row(cluster, &flags, event)).collect();
        say!("{}", Table { headers: headers(&flags), rows }.render_on(!flags.no_headers, &mut widths));
    } else if !flags.watch || !events.is_empty() {
        let names: Vec<String> = events.iter().map(|event| format!("event/{}", name(event))).collect();
        let items: Vec<Value> = events.into_iter().map(|event| with_type_of(event, "v1", "Event")).collect();
        let list = json!({"apiVersion": "v1", "items": items, "kind": "List", "metadata": {"resourceVersion": ""}});
        output::print(&list, &flags.output, &names)?;
    }
    if flags.watch { watch(cluster, &flags, &path, &version, widths).await } else { Ok(0) }
}

async fn path(cluster: &Cluster, flags: &Flags) -> Result<String> {
    let namespace = if flags.all_namespaces { String::new() } else { format!("/namespaces/{}", cluster.namespace) };
    let path = format!("/api/v1{namespace}/events");
    let Some(about) = &flags.about else { return Ok(path) };
    if !about.contains('/') {
        return usage("--for must be in resource/name form");
    }
    let discovery = cluster.discovery().await?;
    let objects = named(cluster, &discovery, std::slice::from_ref(about))?;
    let Some(object) = objects.first() else { return usage("--for names nothing") };
    let resource = &object.served.resource;
    let fields = format!(
        "involvedObject.kind={},involvedObject.name={},involvedObject.apiVersion={}",
        resource.kind,
        object.key.name,
        resource.api_version()
    );
    Ok(format!("{path}?fieldSelector={}", escape(&fields)))
}

fn is_wanted(event: &Value, flags: &Flags) -> bool {
    let kind = event["type"].as_str().unwrap_or_default();
    flags.types.is_empty() || flags.types.iter().any(|wanted| wanted.eq_ignore_ascii_case(kind))
}

fn name(event: &Value) -> &str {
    event["metadata"]["name"].as_str().unwrap_or_default()
}

fn headers(flags: &Flags) -> Vec<String> {
    let namespace = flags.all_namespaces.then_some("NAMESPACE");
    namespace.into_iter().chain(["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]).map(str::to_owned).collect()
}

fn row(cluster: &Cluster, flags: &Flags, event: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut row = vec![
        age(event, cluster.now),
        text(&event["type"]),
        text(&event["reason"]),
        format!("{}/{}", text(&event["involvedObject"]["kind"]), text(&event["involvedObject"]["name"])),
        text(&event["message"]).trim().to_owned(),
    ];
    if flags.all_namespaces {
        row.insert(0, text(&event["metadata"]["namespace"]));
    }
    row
}

/// What happens from here on. Every line is as wide as those before at least.
async fn watch(cluster: &Cluster, flags: &Flags, path: &str, version: &str, mut widths: Vec<usize>) -> Result<u8> {
    let and = if path.contains('?') { '&' } else { '?' };
    let path = format!("{path}{and}watch=true&resourceVersion={version}");
    let mut chunks = cluster.stream(&path, "application/json").await?.into_body().into_data_stream();
    let mut rest = Vec::new();
    while let Some(chunk) = chunks.next().await {
        rest.extend_from_slice(&chunk.map_err(|error| Error::Use(error.to_string()))?);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            let change: Value = serde_json::from_slice(&line).map_err(|error| Error::Use(format!("watch: {error}")))?;
            let event = &change["object"];
            if change["type"] == "ERROR" {
                return usage(event["message"].as_str().unwrap_or("watch failed").to_owned());
            }
            if change["type"] == "DELETED" || !is_wanted(event, flags) {
                continue;
            }
            if flags.output.is_empty() {
                let table = Table { headers: Vec::new(), rows: vec![row(cluster, flags, event)] };
                say!("{}", table.render_on(false, &mut widths));
            } else {
                output::print(event, &flags.output, &[format!("event/{}", name(event))])?;
            }
        }
    }
    Ok(0)
}

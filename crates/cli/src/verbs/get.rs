//! `get`: server-side tables, or the objects themselves in another format; watches of both.

mod watch;

use clap::Args;
use client::ObjectKey;
use serde_json::{Value, json};

use super::named;
use crate::cluster::Cluster;
use crate::discovery::{Discovery, Served};
use crate::error::{Error, Result, bare, usage};
use crate::output::{self, JsonPath, Shape, Table, print_table};
use crate::{say, sayln, warnln};

#[derive(Debug, Args)]
pub struct Flags {
    /// TYPE[,TYPE] [NAME...] or TYPE/NAME...
    pub resources: Vec<String>,
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    #[arg(short, long, default_value = "")]
    pub output: String,
    #[arg(short = 'l', long)]
    pub selector: Option<String>,
    #[arg(long)]
    pub field_selector: Option<String>,
    #[arg(long)]
    pub show_labels: bool,
    #[arg(short = 'L', long, value_delimiter = ',')]
    pub label_columns: Vec<String>,
    #[arg(long)]
    pub show_kind: bool,
    #[arg(long)]
    pub show_managed_fields: bool,
    #[arg(long)]
    pub no_headers: bool,
    #[arg(long)]
    pub ignore_not_found: bool,
    #[arg(long)]
    pub sort_by: Option<String>,
    #[arg(long)]
    pub raw: Option<String>,
    #[arg(short = 'f', long = "filename")]
    pub files: Vec<String>,
    #[arg(short, long)]
    pub watch: bool,
    #[arg(long)]
    pub watch_only: bool,
    #[arg(long)]
    pub output_watch_events: bool,
    #[arg(long)]
    pub subresource: Option<String>,
    #[arg(long, hide = true)]
    pub chunk_size: Option<i64>,
}

const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

/// One request: a list of a resource, or one object.
struct Target {
    served: Served,
    path: String,
    /// The object's name; none for a list.
    name: Option<String>,
}

pub async fn run(cluster: &Cluster, flags: Flags) -> Result<u8> {
    if let Some(path) = &flags.raw {
        let bytes = cluster.get(path, "application/json,*/*").await?;
        say!("{}", String::from_utf8_lossy(&bytes));
        return Ok(0);
    }
    output::check(&flags.output)?;
    let discovery = cluster.discovery().await?;
    let targets = targets(cluster, &discovery, &flags)?;
    if flags.watch || flags.watch_only {
        return watch::run(cluster, &flags, &targets).await;
    }
    if is_table(&flags) { tables(cluster, &flags, &targets).await } else { objects(cluster, &flags, &targets).await }
}

fn is_table(flags: &Flags) -> bool {
    flags.output.is_empty() || flags.output == "wide"
}

fn targets(cluster: &Cluster, discovery: &Discovery, flags: &Flags) -> Result<Vec<Target>> {
    if !flags.files.is_empty() {
        let objects = crate::files::read(&flags.files)?;
        return objects.iter().map(|object| object_target(cluster, discovery, object)).collect();
    }
    let Some(first) = flags.resources.first() else {
        return bare(
            "You must specify the type of resource to get. Use \"kubectl api-resources\" for a complete list of supported resources.\n\n\
             error: Required resource not specified.\nUse \"kubectl explain <resource>\" for a detailed description of that resource (e.g. kubectl explain pods).\n\
             See 'kubectl get -h' for help and examples",
        );
    };
    if flags.resources.len() > 1 || first.contains('/') {
        if flags.selector.is_some() {
            return usage("name cannot be provided when a selector is specified");
        }
        if flags.all_namespaces {
            return usage("a resource cannot be retrieved by name across all namespaces");
        }
        let objects = named(cluster, discovery, &flags.resources)?;
        let target = |object: super::Named| Target {
            path: with_subresource(object.served.resource.object_path(&object.key), flags),
            served: object.served,
            name: Some(object.key.name),
        };
        return Ok(objects.into_iter().map(target).collect());
    }
    let namespace = if flags.all_namespaces { "" } else { cluster.namespace.as_str() };
    let mut targets = Vec::new();
    for name in first.split(',') {
        let category = discovery.category(name);
        for served in if category.is_empty() { vec![discovery.find(name)?] } else { category } {
            let path = query(served.path(namespace), flags);
            targets.push(Target { path, served: served.clone(), name: None });
        }
    }
    Ok(targets)
}

fn with_subresource(path: String, flags: &Flags) -> String {
    flags.subresource.as_ref().map_or(path.clone(), |subresource| format!("{path}/{subresource}"))
}

fn object_target(cluster: &Cluster, discovery: &Discovery, object: &Value) -> Result<Target> {
    let served = discovery.of_object(object)?;
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or(&cluster.namespace);
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let key = ObjectKey::new(if served.namespaced { namespace } else { "" }, name);
    Ok(Target { path: served.resource.object_path(&key), served: served.clone(), name: Some(name.to_owned()) })
}

fn query(path: String, flags: &Flags) -> String {
    let pairs = [("labelSelector", &flags.selector), ("fieldSelector", &flags.field_selector)];
    let query: Vec<String> = pairs
        .into_iter()
        .filter_map(|(name, value)| value.as_ref().map(|value| format!("{name}={}", escape(value))))
        .collect();
    if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) }
}

/// Adds a parameter to a path that may have some.
fn and(path: &str, parameter: &str) -> String {
    format!("{path}{}{parameter}", if path.contains('?') { '&' } else { '?' })
}

/// Percent-encodes what may not stand in a query.
pub fn escape(text: &str) -> String {
    text.bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                (byte as char).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

fn shape(flags: &Flags) -> Shape<'_> {
    Shape {
        wide: flags.output == "wide",
        with_namespace: flags.all_namespaces,
        show_labels: flags.show_labels,
        label_columns: &flags.label_columns,
    }
}

/// What stands before names: nothing, or the kind where several are shown.
fn prefix(flags: &Flags, targets: &[Target], target: &Target) -> String {
    let kinds: std::collections::BTreeSet<_> = targets.iter().map(|target| &target.served.resource.plural).collect();
    if kinds.len() > 1 || flags.show_kind { target.served.printed("") } else { String::new() }
}

async fn tables(cluster: &Cluster, flags: &Flags, targets: &[Target]) -> Result<u8> {
    let mut merged: Vec<Table> = Vec::new();
    let mut errors = Vec::new();
    for target in targets {
        let path =
            if flags.sort_by.is_some() { and(&target.path, "includeObject=Object") } else { target.path.clone() };
        match cluster.get_json(&path, TABLE).await {
            Ok(mut table) => {
                if let Some(path) = &flags.sort_by {
                    sort_rows(&mut table, path)?;
                }
                add(&mut merged, Table::from_server(&table, shape(flags), &prefix(flags, targets, target)));
            }
            Err(error) if flags.ignore_not_found && is_not_found(&error) => {}
            Err(error) => errors.push(error),
        }
    }
    merged.retain(|table| !table.rows.is_empty());
    for (at, table) in merged.iter().enumerate() {
        if at > 0 {
            sayln!();
        }
        print_table(table, !flags.no_headers)?;
    }
    if merged.is_empty() && errors.is_empty() && !flags.ignore_not_found {
        let in_namespace = targets.iter().any(|target| target.served.namespaced) && !flags.all_namespaces;
        let place = if in_namespace { format!(" in {} namespace.", cluster.namespace) } else { String::new() };
        warnln!("No resources found{place}");
    }
    super::select::report(errors)
}

fn sort_rows(table: &mut Value, path: &str) -> Result<()> {
    let path = JsonPath::parse(path)?;
    if let Some(rows) = table["rows"].as_array_mut() {
        rows.sort_by(|left, right| output::order(&path, &left["object"], &right["object"]));
    }
    Ok(())
}

/// Objects of one kind share a table.
fn add(merged: &mut Vec<Table>, table: Table) {
    match merged.last_mut() {
        Some(last) if last.headers == table.headers => last.rows.extend(table.rows),
        _ => merged.push(table),
    }
}

async fn objects(cluster: &Cluster, flags: &Flags, targets: &[Target]) -> Result<u8> {
    let (mut items, mut errors) = (Vec::new(), Vec::new());
    let single = targets.len() == 1 && targets[0].name.is_some();
    for target in targets {
        let mut value = match cluster.get_json(&target.path, "application/json").await {
            Err(error) if flags.ignore_not_found && is_not_found(&error) => continue,
            Err(error) => {
                errors.push(error);
                continue;
            }
            Ok(value) => value,
        };
        match value.get_mut("items").map(Value::take) {
            Some(Value::Array(list)) if target.name.is_none() => {
                items.extend(list.into_iter().map(|item| with_type(item, &target.served)));
            }
            _ => items.push(value),
        }
    }
    if single && items.is_empty() {
        return super::select::report(errors);
    }
    if let Some(path) = &flags.sort_by {
        let path = JsonPath::parse(path)?;
        items.sort_by(|left, right| output::order(&path, left, right));
    }
    if !flags.show_managed_fields {
        items.iter_mut().for_each(hide_managed_fields);
    }
    let names: Vec<String> = items.iter().map(output::named).collect();
    let value = match items.pop() {
        Some(only) if single => only,
        last => {
            items.extend(last);
            json!({"apiVersion": "v1", "items": items, "kind": "List", "metadata": {"resourceVersion": ""}})
        }
    };
    output::print_shaped(&value, &flags.output, &names, !flags.no_headers)?;
    super::select::report(errors)
}

/// Items of a list do not say what they are.
fn with_type(item: Value, served: &Served) -> Value {
    with_type_of(item, &served.resource.api_version(), &served.resource.kind)
}

/// As [`with_type`], where it is known beforehand.
pub fn with_type_of(mut item: Value, api_version: &str, kind: &str) -> Value {
    item["apiVersion"] = api_version.into();
    item["kind"] = kind.into();
    item
}

/// Takes out what nobody wants to read.
pub fn hide_managed_fields(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
}

/// The server has no such object.
pub fn is_not_found(error: &Error) -> bool {
    matches!(error, Error::Server(error) if error.is_not_found())
}

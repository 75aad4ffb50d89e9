//! `get`: server-side tables, or the objects themselves in another format.

use client::ObjectKey;
use serde_json::{Value, json};

use super::named;
use crate::cluster::Cluster;
use crate::discovery::{Discovery, Served};
use crate::error::{Error, Result, usage};
use crate::flags::Get;
use crate::output::{self, JsonPath, Shape, Table, print_table};

const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

/// One request: a list of a resource, or one object.
struct Target {
    served: Served,
    path: String,
}

pub async fn run(cluster: &Cluster, flags: Get) -> Result<u8> {
    if let Some(path) = &flags.raw {
        let bytes = cluster.get(path, "application/json,*/*").await?;
        print!("{}", String::from_utf8_lossy(&bytes));
        return Ok(0);
    }
    let discovery = cluster.discovery().await?;
    let targets = targets(cluster, &discovery, &flags)?;
    if flags.output.is_empty() || flags.output == "wide" {
        tables(cluster, &flags, &targets).await
    } else {
        objects(cluster, &flags, &targets).await
    }
}

fn targets(cluster: &Cluster, discovery: &Discovery, flags: &Get) -> Result<Vec<Target>> {
    if !flags.files.is_empty() {
        let objects = crate::files::read(&flags.files)?;
        return objects.iter().map(|object| object_target(cluster, discovery, object)).collect();
    }
    let Some(first) = flags.resources.first() else { return usage("you must specify the type of resource to get") };
    if flags.resources.len() > 1 || first.contains('/') {
        let objects = named(cluster, discovery, &flags.resources)?;
        return Ok(objects
            .into_iter()
            .map(|object| Target { path: object.served.resource.object_path(&object.key), served: object.served })
            .collect());
    }
    let namespace = if flags.all_namespaces { "" } else { cluster.namespace.as_str() };
    let mut targets = Vec::new();
    for name in first.split(',') {
        let category = discovery.category(name);
        let served = if category.is_empty() { vec![discovery.find(name)?] } else { category };
        targets.extend(
            served
                .into_iter()
                .map(|served| Target { path: query(served.path(namespace), flags), served: served.clone() }),
        );
    }
    Ok(targets)
}

fn object_target(cluster: &Cluster, discovery: &Discovery, object: &Value) -> Result<Target> {
    let served = discovery.of_object(object)?;
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or(&cluster.namespace);
    let key = ObjectKey::new(
        if served.namespaced { namespace } else { "" },
        object["metadata"]["name"].as_str().unwrap_or_default(),
    );
    Ok(Target { path: served.resource.object_path(&key), served: served.clone() })
}

fn query(path: String, flags: &Get) -> String {
    let pairs = [("labelSelector", &flags.selector), ("fieldSelector", &flags.field_selector)];
    let query: Vec<String> = pairs
        .into_iter()
        .filter_map(|(name, value)| value.as_ref().map(|value| format!("{name}={}", escape(value))))
        .collect();
    if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) }
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

async fn tables(cluster: &Cluster, flags: &Get, targets: &[Target]) -> Result<u8> {
    let shape =
        Shape { wide: flags.output == "wide", with_namespace: flags.all_namespaces, show_labels: flags.show_labels };
    let several =
        targets.iter().map(|target| &target.served.resource.plural).collect::<std::collections::BTreeSet<_>>().len()
            > 1;
    let mut merged: Vec<Table> = Vec::new();
    let mut code = 0;
    for target in targets {
        match cluster.get_json(&target.path, TABLE).await {
            Ok(table) => add(
                &mut merged,
                Table::from_server(&table, shape, &if several { target.served.printed("") } else { String::new() }),
            ),
            Err(error) if flags.ignore_not_found && is_not_found(&error) => {}
            Err(error) if targets.len() > 1 => {
                eprintln!("{error}");
                code = 1;
            }
            Err(error) => return Err(error),
        }
    }
    merged.retain(|table| !table.rows.is_empty());
    for (at, table) in merged.iter().enumerate() {
        if at > 0 {
            println!();
        }
        print_table(table, !flags.no_headers)?;
    }
    if merged.is_empty() && code == 0 && !flags.ignore_not_found {
        let in_namespace = targets.iter().any(|target| target.served.namespaced) && !flags.all_namespaces;
        let place = if in_namespace { format!(" in {} namespace", cluster.namespace) } else { String::new() };
        eprintln!("No resources found{place}.");
    }
    Ok(code)
}

/// Objects of one kind share a table.
fn add(merged: &mut Vec<Table>, table: Table) {
    match merged.last_mut() {
        Some(last) if last.headers == table.headers => last.rows.extend(table.rows),
        _ => merged.push(table),
    }
}

async fn objects(cluster: &Cluster, flags: &Get, targets: &[Target]) -> Result<u8> {
    let mut items = Vec::new();
    let mut names = Vec::new();
    let mut single = targets.len() == 1;
    for target in targets {
        let mut value = match cluster.get_json(&target.path, "application/json").await {
            Err(error) if flags.ignore_not_found && is_not_found(&error) => continue,
            other => other?,
        };
        let found = match value.get_mut("items").map(Value::take) {
            Some(Value::Array(list)) => {
                single = false;
                list.into_iter().map(|item| with_type(item, &target.served)).collect()
            }
            _ => vec![value],
        };
        names.extend(
            found.iter().map(|item| target.served.printed(item["metadata"]["name"].as_str().unwrap_or_default())),
        );
        items.extend(found);
    }
    if let Some(path) = &flags.sort_by {
        let path = JsonPath::parse(path)?;
        items.sort_by_key(|item| path.find(item).into_iter().map(Value::to_string).collect::<Vec<_>>());
    }
    let value = match items.pop() {
        Some(only) if single && items.is_empty() => only,
        last => {
            items.extend(last);
            json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": items})
        }
    };
    output::print(&hide_managed_fields(value), &flags.output, &names)?;
    Ok(0)
}

/// Items of a list do not say what they are.
fn with_type(mut item: Value, served: &Served) -> Value {
    item["apiVersion"] = served.resource.api_version().into();
    item["kind"] = served.resource.kind.as_ref().into();
    item
}

fn hide_managed_fields(mut value: Value) -> Value {
    let hide = |object: &mut Value| {
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
        }
    };
    hide(&mut value);
    value.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten().for_each(hide);
    value
}

/// The server has no such object.
pub fn is_not_found(error: &Error) -> bool {
    matches!(error, Error::Server(error) if error.is_not_found())
}

//! Which objects a command line means, read from the server: by file, by name, by selector, by prefix of their names.

use client::ObjectKey;
use serde_json::Value;

use super::get::{escape, is_not_found};
use super::named;
use crate::cluster::Cluster;
use crate::discovery::{Discovery, Served};
use crate::error::{Error, Result, usage};
use crate::warnln;

/// What the command line says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Choice<'a> {
    pub resources: &'a [String],
    pub files: &'a [String],
    pub selector: Option<&'a str>,
    pub field_selector: Option<&'a str>,
    pub all_namespaces: bool,
    /// A type without names means all of its objects.
    pub all: bool,
    /// A name that is not there means the objects whose names begin so.
    pub prefixes: bool,
}

/// The objects found, and what went wrong with the others.
pub type Found = (Vec<(Served, Value)>, Vec<Error>);

pub async fn objects(cluster: &Cluster, discovery: &Discovery, choice: &Choice<'_>) -> Result<Found> {
    let mut found = (Vec::new(), Vec::new());
    if !choice.files.is_empty() {
        for object in crate::files::read(choice.files)? {
            let (served, namespace) = super::create::place(cluster, discovery, &object)?;
            let namespace = if served.namespaced { namespace.as_str() } else { "" };
            let key = ObjectKey::new(namespace, object["metadata"]["name"].as_str().unwrap_or_default());
            one(cluster, served, &key, &mut found).await;
        }
        return Ok(found);
    }
    let Some(first) = choice.resources.first() else {
        return Err(Error::Use("You must specify the type of resource to describe. Use \"kubectl api-resources\" for a complete list of supported resources.".to_owned()));
    };
    if first.contains('/') || choice.resources.len() > 1 {
        for object in named(cluster, discovery, choice.resources)? {
            let before = found.0.len();
            one(cluster, &object.served, &object.key, &mut found).await;
            if choice.prefixes && found.0.len() == before {
                beginning(cluster, &object.served, &object.key.name, &mut found).await?;
            }
        }
        return Ok(found);
    }
    if choice.selector.is_none() && !choice.all {
        return usage("resource(s) were provided, but no name was specified");
    }
    for name in first.split(',') {
        let category = discovery.category(name);
        for served in if category.is_empty() { vec![discovery.find(name)?] } else { category } {
            let items = list(cluster, served, choice).await?;
            found.0.extend(items.into_iter().map(|item| (served.clone(), item)));
        }
    }
    Ok(found)
}

async fn one(cluster: &Cluster, served: &Served, key: &ObjectKey, found: &mut Found) {
    match cluster.rest.get(&served.resource, key).await {
        Ok(object) => found.0.push((served.clone(), object)),
        Err(error) => found.1.push(error.into()),
    }
}

/// Takes the objects whose names begin with `prefix` in place of the error that there is none of that name.
async fn beginning(cluster: &Cluster, served: &Served, prefix: &str, found: &mut Found) -> Result<()> {
    if !found.1.last().is_some_and(is_not_found) {
        return Ok(());
    }
    let mut items = list(cluster, served, &Choice::default()).await?;
    items.retain(|item| item["metadata"]["name"].as_str().is_some_and(|name| name.starts_with(prefix)));
    if !items.is_empty() {
        found.1.pop();
        found.0.extend(items.into_iter().map(|item| (served.clone(), item)));
    }
    Ok(())
}

/// The objects of a type, each saying what it is.
pub async fn list(cluster: &Cluster, served: &Served, choice: &Choice<'_>) -> Result<Vec<Value>> {
    let namespace = if choice.all_namespaces { "" } else { cluster.namespace.as_str() };
    let pairs = [("labelSelector", choice.selector), ("fieldSelector", choice.field_selector)];
    let query: Vec<String> =
        pairs.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", escape(value?)))).collect();
    let path = served.path(namespace);
    let path = if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) };
    let mut list = cluster.get_json(&path, "application/json").await?;
    let Value::Array(mut items) = list["items"].take() else { return Ok(Vec::new()) };
    for item in &mut items {
        item["apiVersion"] = served.resource.api_version().into();
        item["kind"] = served.resource.kind.as_ref().into();
    }
    Ok(items)
}

/// Tells the errors and makes the exit code of them.
pub fn report(errors: Vec<Error>) -> Result<u8> {
    let code = u8::from(!errors.is_empty());
    for error in errors {
        warnln!("{error}");
    }
    Ok(code)
}

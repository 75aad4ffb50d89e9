//! Discovery documents with the groups of extension servers in them, in both forms. Pure.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::openapi::Spec;
use super::registered::Registered;

/// What an extension server said about one group and version.
#[derive(Clone, Debug, Default)]
pub(super) struct Learnt {
    /// Its APIResourceList; null: it never answered.
    pub resources: Value,
    /// Its place in the server's /openapi/v3, empty when there is none.
    pub openapi: String,
    /// Its part of the server's /openapi/v2.
    pub spec: Option<Arc<Spec>>,
}

/// A registered version with what is known of it.
pub(super) type Known = (Arc<Registered>, Learnt);

fn version_entry(registered: &Registered) -> Value {
    let (group, version) = (&registered.group, &registered.version);
    json!({"groupVersion": format!("{group}/{version}"), "version": version})
}

fn group<'v>(groups: &'v mut Vec<Value>, name: &str, make: impl FnOnce() -> Value, key: &str) -> &'v mut Value {
    let named = |entry: &Value| entry.pointer(key).is_some_and(|have| have == name);
    let at = groups.iter().position(named).unwrap_or_else(|| {
        groups.push(make());
        groups.len() - 1
    });
    &mut groups[at]
}

fn put_version(versions: &mut Value, name: &str, entry: Value) {
    let Some(list) = versions.as_array_mut() else { return };
    match list.iter_mut().find(|have| have["version"] == name) {
        Some(have) => *have = entry,
        None => list.push(entry),
    }
}

/// APIGroupList: groups of others come after the own ones.
pub(super) fn group_list(mut list: Value, known: &[Known]) -> Value {
    let mut groups = list["groups"].as_array().cloned().unwrap_or_default();
    for (registered, _) in known.iter().filter(|(registered, _)| !registered.group.is_empty()) {
        let make = || json!({"name": registered.group, "versions": [], "preferredVersion": version_entry(registered)});
        let entry = group(&mut groups, &registered.group, make, "/name");
        put_version(&mut entry["versions"], &registered.version, version_entry(registered));
    }
    list["groups"] = groups.into();
    list
}

/// APIGroup of one name; `None`: nobody serves it.
pub(super) fn one_group(own: Option<Value>, name: &str, known: &[Known]) -> Option<Value> {
    let mine: Vec<Known> = known.iter().filter(|(registered, _)| registered.group == name).cloned().collect();
    let mut list = group_list(json!({"groups": own.into_iter().collect::<Vec<_>>()}), &mine);
    let mut found = list["groups"].as_array_mut().and_then(Vec::pop)?;
    found["kind"] = "APIGroup".into();
    found["apiVersion"] = "v1".into();
    Some(found)
}

/// APIGroupDiscoveryList: what does not answer is there with its last state, marked as stale.
pub(super) fn aggregated(mut list: Value, known: &[Known]) -> Value {
    let mut items = list["items"].as_array().cloned().unwrap_or_default();
    for (registered, learnt) in known.iter().filter(|(registered, _)| !registered.group.is_empty()) {
        let make = || json!({"metadata": {"name": registered.group, "creationTimestamp": null}, "versions": []});
        let entry = group(&mut items, &registered.group, make, "/metadata/name");
        let freshness = if registered.available && learnt.resources.is_object() { "Current" } else { "Stale" };
        let mut version = json!({"version": registered.version, "freshness": freshness});
        if learnt.resources.is_object() {
            version["resources"] = resources(registered, &learnt.resources).into();
        }
        put_version(&mut entry["versions"], &registered.version, version);
    }
    list["items"] = items.into();
    list
}

/// APIResourceDiscovery entries from an APIResourceList.
fn resources(registered: &Registered, list: &Value) -> Vec<Value> {
    let all: Vec<&Value> = list["resources"].as_array().into_iter().flatten().collect();
    let name = |resource: &Value| resource["name"].as_str().unwrap_or_default().to_owned();
    let main = all.iter().filter(|resource| !name(resource).contains('/'));
    main.map(|resource| {
        let below = format!("{}/", name(resource));
        let mut entry = common(registered, resource);
        entry.insert("resource".to_owned(), name(resource).into());
        let scope = if resource["namespaced"] == true { "Namespaced" } else { "Cluster" };
        entry.insert("scope".to_owned(), scope.into());
        for (from, to) in
            [("singularName", "singularResource"), ("shortNames", "shortNames"), ("categories", "categories")]
        {
            if let Some(value) = resource.get(from) {
                entry.insert(to.to_owned(), value.clone());
            }
        }
        let subresources: Vec<Value> = all
            .iter()
            .filter_map(|resource| {
                let subresource = name(resource).strip_prefix(&below)?.to_owned();
                let mut entry = common(registered, resource);
                entry.insert("subresource".to_owned(), subresource.into());
                Some(Value::Object(entry))
            })
            .collect();
        if !subresources.is_empty() {
            entry.insert("subresources".to_owned(), subresources.into());
        }
        Value::Object(entry)
    })
    .collect()
}

fn common(registered: &Registered, resource: &Value) -> Map<String, Value> {
    let or = |field: &str, default: &str| {
        resource[field].as_str().filter(|text| !text.is_empty()).unwrap_or(default).to_owned()
    };
    let kind = json!({
        "group": or("group", &registered.group), "version": or("version", &registered.version), "kind": or("kind", ""),
    });
    let mut map = Map::new();
    map.insert("responseKind".to_owned(), kind);
    map.insert("verbs".to_owned(), resource["verbs"].clone());
    map
}

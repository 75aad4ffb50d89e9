//! `apply`, client-side: three-way between the last applied configuration, the live object and the file.

use client::{ObjectKey, PatchKind};
use serde_json::{Map, Value, json};

use super::create::place;
use crate::cluster::Cluster;
use crate::error::{Error, Result};
use crate::flags::FileArgs;

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

pub async fn run(cluster: &Cluster, flags: FileArgs) -> Result<u8> {
    let discovery = cluster.discovery().await?;
    for object in crate::files::read(&flags.files)? {
        let (served, namespace) = place(cluster, &discovery, &object)?;
        let key = ObjectKey::new(
            if served.namespaced { namespace.as_str() } else { "" },
            object["metadata"]["name"].as_str().unwrap_or_default(),
        );
        let wanted = annotated(object, &key)?;
        let Some(live) = cluster.rest.find(&served.resource, &key).await? else {
            let path = format!("{}{}", served.path(&namespace), flags.write.query("kubectl-client-side-apply")?);
            let created = cluster.rest.json("create", http::Method::POST, path, Some(&wanted)).await?;
            flags.write.report(&crate::output::named(&created), &created, "created")?;
            continue;
        };
        let last =
            live["metadata"]["annotations"][LAST_APPLIED].as_str().and_then(|text| serde_json::from_str(text).ok());
        let patch = three_way(&last.unwrap_or_default(), &live, &wanted);
        if patch == json!({}) {
            flags.write.report(&crate::output::named(&live), &live, "unchanged")?;
            continue;
        }
        let changed = cluster.rest.patch(&served.resource, &key, None, (PatchKind::Merge, &patch)).await?;
        let done = if changed["metadata"]["resourceVersion"] == live["metadata"]["resourceVersion"] {
            "unchanged"
        } else {
            "configured"
        };
        flags.write.report(&crate::output::named(&changed), &changed, done)?;
    }
    Ok(0)
}

/// The object with itself, as it is in the file, in the annotation that kubectl reads at the next apply.
fn annotated(mut object: Value, key: &ObjectKey) -> Result<Value> {
    if !key.namespace.is_empty() {
        object["metadata"]["namespace"] = key.namespace.as_str().into();
    }
    if object["metadata"]["annotations"].is_null() {
        object["metadata"]["annotations"] = json!({});
    }
    let text = serde_json::to_string(&object).map_err(|error| Error::Use(error.to_string()))? + "\n";
    object["metadata"]["annotations"][LAST_APPLIED] = text.into();
    Ok(object)
}

/// A merge patch that sets what the file says and removes what the file said last time and says no more. Lists are taken from the file
/// whole when it changed them, but filled with what the server has defaulted in elements that are the same otherwise.
fn three_way(last: &Value, live: &Value, wanted: &Value) -> Value {
    let mut patch = Map::new();
    let empty = Map::new();
    let (last, live) = (last.as_object().unwrap_or(&empty), live.as_object().unwrap_or(&empty));
    for (key, value) in wanted.as_object().unwrap_or(&empty) {
        let now = live.get(key).unwrap_or(&Value::Null);
        if covers(now, value) {
            // Nothing to set; something may still have to go.
            let below = three_way(last.get(key).unwrap_or(&Value::Null), now, value);
            if value.is_object() && below != json!({}) {
                patch.insert(key.clone(), below);
            }
        } else if value.is_object() && now.is_object() {
            patch.insert(key.clone(), three_way(last.get(key).unwrap_or(&Value::Null), now, value));
        } else {
            patch.insert(key.clone(), value.clone());
        }
    }
    for key in last.keys() {
        if wanted.get(key).is_none() && live.contains_key(key) {
            patch.insert(key.clone(), Value::Null);
        }
    }
    Value::Object(patch)
}

/// `live` has everything that `wanted` says; more (defaults) may be in it.
fn covers(live: &Value, wanted: &Value) -> bool {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => {
            wanted.iter().all(|(key, value)| covers(live.get(key).unwrap_or(&Value::Null), value))
        }
        (Value::Array(live), Value::Array(wanted)) => {
            live.len() == wanted.len() && live.iter().zip(wanted).all(|(l, w)| covers(l, w))
        }
        _ => live == wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rules of kubernetes.io/docs/tasks/manage-kubernetes-objects/declarative-config ("how apply calculates differences").
    #[test]
    fn set_keep_and_remove() {
        let last = json!({"spec": {"replicas": 2, "paused": true, "labels": {"a": "1", "b": "2"}}});
        let live = json!({"spec": {"replicas": 5, "paused": true, "strategy": {"type": "RollingUpdate"}, "labels": {"a": "1", "b": "2", "c": "3"}}});
        let wanted = json!({"spec": {"replicas": 3, "labels": {"a": "1"}}});
        assert_eq!(
            three_way(&last, &live, &wanted),
            json!({"spec": {"replicas": 3, "paused": null, "labels": {"b": null}}})
        );
        let defaulted = json!({"spec": {"containers": [{"name": "c", "image": "i", "imagePullPolicy": "Always"}]}});
        let same = json!({"spec": {"containers": [{"name": "c", "image": "i"}]}});
        assert_eq!(three_way(&same, &defaulted, &same), json!({}));
    }
}

//! The scale subresource: autoscaling/v1 Scale read from and written to the places that the row names.

use api::field_error::FieldError;
use api::kind::{Subresource, SubresourceRole};
use api::selector::LabelSelector;
use http::{Request, Response, StatusCode};
use serde_json::{Map, Value, json};

use super::fresh;
use super::ownership::{self, ScaleWrite};
use super::patch::{self, PatchType};
use super::scope::Scope;
use super::shape;
use super::update::{Source, update};
use crate::body::Body;
use crate::decode;
use crate::front::object_response;
use crate::negotiate::{self, Endpoint};
use crate::options::WriteOptions;
use crate::status::Status;

/// JSON paths (`.spec.replicas`) of the row.
pub(super) struct Paths {
    pub spec_replicas: &'static str,
    pub status_replicas: &'static str,
    pub selector: &'static str,
}

impl Paths {
    fn of(subresource: &Subresource) -> Option<Self> {
        match subresource.role {
            SubresourceRole::Scale { spec_replicas, status_replicas, selector } => {
                Some(Self { spec_replicas, status_replicas, selector })
            }
            _ => None,
        }
    }
}

pub(super) async fn serve(
    scope: &Scope<'_>,
    verb: &str,
    paths: &Paths,
    request: Request<Body>,
) -> Result<Response<Body>, Status> {
    let format = negotiate::format(request.headers(), &scope.info.query, Endpoint::PLAIN)?;
    let target = shape::Target::body(scope.subresource.expect("scale is a subresource"));
    let shown = match verb {
        "get" => {
            fresh::asked(scope).await?;
            scale_of(paths, &scope.value(&scope.existing(&scope.info.name)?).await?)?
        }
        "update" => {
            let options = WriteOptions::read(&scope.info.query, "UpdateOptions")?;
            let content_type = decode::content_type(request.headers()).to_owned();
            let body = scope.read(request.into_body()).await?;
            let decoded = decode::tree(&body, &content_type, "Scale")?;
            let scale = shape::decoded(target, decoded, options.field_validation, scope.warnings)?;
            write(scope, paths, &options, Source::Put, |_| Ok(scale.clone())).await?
        }
        "patch" => {
            let patch_type = PatchType::of(decode::content_type(request.headers()), scope.kind)?;
            if patch_type == PatchType::Apply {
                return object_response(StatusCode::OK, format, &apply(scope, paths, request).await?);
            }
            let options = WriteOptions::read(&scope.info.query, "PatchOptions")?;
            let change = patch::read(scope.read(request.into_body()).await?.as_ref())?;
            let make = |scale: &Value| {
                let patched = shape::patch(target, patch_type, scale, &change)?;
                shape::patched(target, patched, &change, options.field_validation, scope.warnings)
            };
            write(scope, paths, &options, Source::Patch, make).await?
        }
        _ => return Err(Status::method_not_allowed()),
    };
    object_response(StatusCode::OK, format, &shown)
}

/// The Scale that a webhook sees instead of the object; `None`: the subresource is no scale.
pub(crate) fn shown(subresource: &Subresource, object: &Value) -> Option<Result<Value, Status>> {
    Some(scale_of(&Paths::of(subresource)?, object))
}

/// The object with the replicas of the Scale that a webhook changed.
pub(crate) fn taken(subresource: &Subresource, object: &Value, scale: &Value) -> Option<Value> {
    let (paths, mut object) = (Paths::of(subresource)?, object.clone());
    set(&mut object, paths.spec_replicas, scale["spec"]["replicas"].as_i64().unwrap_or(0).into());
    Some(object)
}

/// Server-side apply of a Scale.
async fn apply(scope: &Scope<'_>, paths: &Paths, request: Request<Body>) -> Result<Value, Status> {
    let options = WriteOptions::read(&scope.info.query, "ApplyOptions")?;
    let config = super::apply::read(scope, &options, scope.read(request.into_body()).await?.as_ref())?;
    let written = update(scope, &options, Source::Apply, |old| {
        let before = scale_of(paths, old)?;
        let write = ScaleWrite { replicas: paths.spec_replicas, before: &before, config: Some(&config) };
        let (after, owners) = ownership::scale(scope, &options, old, &write, None)?;
        check(scope, &after)?;
        Ok(scaled(paths, old, &after, owners))
    });
    scale_of(paths, &written.await?.value(scope).await?)
}

/// The object with the replicas of its Scale and who owns them.
fn scaled(paths: &Paths, old: &Value, scale: &Value, owners: Option<Value>) -> Value {
    let mut new = old.clone();
    let metadata = super::metadata::map(&mut new);
    metadata.remove("managedFields");
    metadata.extend(owners.map(|owners| ("managedFields".to_owned(), owners)));
    set(&mut new, paths.spec_replicas, scale["spec"]["replicas"].as_i64().unwrap_or(0).into());
    new
}

async fn write(
    scope: &Scope<'_>,
    paths: &Paths,
    options: &WriteOptions,
    source: Source,
    make: impl Fn(&Value) -> Result<Value, Status>,
) -> Result<Value, Status> {
    let written = update(scope, options, source, |old| {
        let before = scale_of(paths, old)?;
        let after = make(&before)?;
        check(scope, &after)?;
        let write = ScaleWrite { replicas: paths.spec_replicas, before: &before, config: None };
        let (_, owners) = ownership::scale(scope, options, old, &write, Some(&after))?;
        let mut new = scaled(paths, old, &after, owners);
        for field in ["resourceVersion", "uid"] {
            match after["metadata"]
                .get(field)
                .filter(|value| source == Source::Put || **value != before["metadata"][field])
            {
                Some(value) => new["metadata"][field] = value.clone(),
                None if source == Source::Put => drop(super::metadata::map(&mut new).remove(field)),
                None => {}
            }
        }
        Ok(new)
    });
    scale_of(paths, &written.await?.value(scope).await?)
}

fn check(scope: &Scope<'_>, scale: &Value) -> Result<(), Status> {
    let name = scale["metadata"]["name"].as_str().unwrap_or_default();
    if !name.is_empty() && name != scope.info.name {
        return Err(Status::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            scope.info.name
        )));
    }
    let replicas = &scale["spec"]["replicas"];
    if replicas.as_i64().unwrap_or(0) < 0 {
        let error = FieldError::invalid("spec.replicas", replicas, "must be greater than or equal to 0");
        return Err(Status::invalid_kind("autoscaling", "Scale", &scope.info.name, &[error]));
    }
    Ok(())
}

/// The Scale that an object shows.
fn scale_of(paths: &Paths, object: &Value) -> Result<Value, Status> {
    let mut metadata = Map::new();
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = object["metadata"].get(field) {
            metadata.insert(field.to_owned(), value.clone());
        }
    }
    let mut spec = Map::new();
    if let Some(replicas) = get(object, paths.spec_replicas) {
        spec.insert("replicas".to_owned(), replicas.clone());
    }
    let mut status = Map::new();
    status.insert("replicas".to_owned(), get(object, paths.status_replicas).cloned().unwrap_or_else(|| 0.into()));
    if let Some(selector) = get(object, paths.selector) {
        status.insert("selector".to_owned(), selector_text(selector)?.into());
    }
    Ok(json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": spec, "status": status}))
}

/// The selector as text, from a text, a metav1.LabelSelector or a plain map.
fn selector_text(selector: &Value) -> Result<String, Status> {
    match selector {
        Value::String(text) => Ok(text.clone()),
        Value::Object(map) if map.contains_key("matchLabels") || map.contains_key("matchExpressions") => {
            LabelSelector::from_json(selector)
                .map(|selector| selector.to_string())
                .map_err(|error| Status::internal(error.to_string()))
        }
        Value::Object(map) => {
            let pairs: Vec<String> =
                map.iter().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
            Ok(pairs.join(","))
        }
        _ => Ok(String::new()),
    }
}

fn get<'v>(object: &'v Value, path: &str) -> Option<&'v Value> {
    path.trim_start_matches('.')
        .split('.')
        .try_fold(object, |value, field| value.get(field))
        .filter(|value| !value.is_null())
}

fn set(object: &mut Value, path: &str, value: Value) {
    let place = path.trim_start_matches('.').split('.').fold(object, |value, field| &mut value[field]);
    *place = value;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Every kind that has one, and one whose places are deeper, as definitions may name them.
    fn scales() -> Vec<(&'static str, Subresource)> {
        let deep = SubresourceRole::Scale {
            spec_replicas: ".spec.pool.size",
            status_replicas: ".status.pool.ready.count",
            selector: ".status.pool.selector",
        };
        let rows = api::kinds::ALL.iter().flat_map(|kind| {
            let scales = kind.subresources.iter().filter(|subresource| Paths::of(subresource).is_some());
            scales.map(|subresource| (kind.plural, subresource.clone()))
        });
        rows.chain([("pools", Subresource { role: deep, ..Subresource::SCALE })]).collect()
    }

    fn object(paths: &Paths, (replicas, ready): (i32, i32), selector: Value) -> Value {
        let mut object = json!({
            "kind": "K", "metadata": {"name": "x", "namespace": "n", "uid": "u", "resourceVersion": "7", "labels": {"l": "m"}},
            "spec": {"template": {"spec": {"replicas": 99}}}, "status": {"observedGeneration": 3},
        });
        set(&mut object, paths.spec_replicas, replicas.into());
        set(&mut object, paths.status_replicas, ready.into());
        set(&mut object, paths.selector, selector);
        object
    }

    /// Selectors in the three shapes that kinds have.
    fn selectors() -> impl Strategy<Value = Value> {
        let labels = prop::collection::btree_map("[a-c]", "[x-z]", 1..4);
        (labels, 0..3).prop_map(|(labels, shape)| match shape {
            0 => json!(labels),
            1 => json!({"matchLabels": labels}),
            _ => json!({"matchExpressions": [{"key": "a", "operator": "In", "values": ["x", "y"]}, {"key": "b", "operator": "Exists"}]}),
        })
    }

    fn selects(selector: &Value, labels: &Value) -> bool {
        let labels = labels.as_object();
        if selector.get("matchLabels").is_some() || selector.get("matchExpressions").is_some() {
            return LabelSelector::from_json(selector).unwrap().matches(labels);
        }
        LabelSelector::from_map(selector.as_object().unwrap()).matches(labels)
    }

    #[test]
    fn kinds_with_a_scale_are_those_of_upstream() {
        let names: Vec<&str> = scales().iter().map(|(plural, _)| *plural).collect();
        assert_eq!(names, ["replicationcontrollers", "deployments", "replicasets", "statefulsets", "pools"]);
    }

    proptest! {
        #[test]
        fn a_scale_says_and_changes_the_replicas_alone(
            replicas in 0..1000_i32, ready in 0..1000_i32, wanted in 0..1000_i32, selector in selectors(),
            labels in prop::collection::btree_map("[a-c]", "[x-z]", 0..4),
        ) {
            for (plural, subresource) in scales() {
                let paths = Paths::of(&subresource).unwrap();
                let before = object(&paths, (replicas, ready), selector.clone());
                let mut scale = shown(&subresource, &before).unwrap().unwrap();
                let said = (&scale["spec"]["replicas"], &scale["status"]["replicas"]);
                prop_assert_eq!(said, (&json!(replicas), &json!(ready)), "{}", plural);
                for field in ["name", "namespace", "uid", "resourceVersion"] {
                    prop_assert_eq!(&scale["metadata"][field], &before["metadata"][field]);
                }
                let text = scale["status"]["selector"].as_str().unwrap();
                let (read, labels) = (LabelSelector::parse(text).unwrap(), json!(labels));
                prop_assert_eq!(read.matches(labels.as_object()), selects(&selector, &labels), "{} of {}", text, selector);
                // What was read and is written back changes nothing.
                prop_assert_eq!(&taken(&subresource, &before, &scale).unwrap(), &before, "{}", plural);
                scale["spec"]["replicas"] = json!(wanted);
                let after = taken(&subresource, &before, &scale).unwrap();
                prop_assert_eq!(&after, &object(&paths, (wanted, ready), selector.clone()), "{}", plural);
                prop_assert_eq!(&shown(&subresource, &after).unwrap().unwrap(), &scale, "{}", plural);
            }
        }
    }
}

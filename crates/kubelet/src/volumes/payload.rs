//! The files of ConfigMap, Secret, downward API and projected volumes. Pure: objects and tokens are given.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, DownwardAPIVolumeFile, KeyToPath, Pod, Secret};

use super::atomic::{File, Payload};
use crate::containers;
use crate::env::field::metadata;
use crate::env::resource::{Allocatable, container_value};

/// Upstream's default mode of projected files.
pub const DEFAULT_MODE: i32 = 0o644;

/// Why a payload cannot be made; upstream's messages.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    #[error("{kind} {name:?} not found")]
    NotFound { kind: &'static str, name: String },
    #[error("references non-existent {kind} key: {key}")]
    NoKey { kind: &'static str, key: String },
    #[error("{0}")]
    Field(#[from] crate::env::EnvError),
}

/// How the keys of an object become files.
pub struct Projection<'a> {
    pub items: &'a [KeyToPath],
    pub default_mode: i32,
    pub is_optional: bool,
}

fn file(data: Vec<u8>, mode: i32) -> File {
    File { data, mode: mode.unsigned_abs() & 0o777, user: None }
}

/// All keys, or the chosen ones under their paths.
fn project(
    data: &BTreeMap<String, Vec<u8>>,
    projection: &Projection,
    kind: &'static str,
) -> Result<Payload, PayloadError> {
    if projection.items.is_empty() {
        return Ok(data
            .iter()
            .map(|(key, value)| (key.clone(), file(value.clone(), projection.default_mode)))
            .collect());
    }
    let mut payload = Payload::new();
    for item in projection.items {
        match data.get(&item.key) {
            Some(value) => {
                payload.insert(item.path.clone(), file(value.clone(), item.mode.unwrap_or(projection.default_mode)));
            }
            None if projection.is_optional => {}
            None => {
                return Err(PayloadError::NoKey {
                    kind: if kind == "configmap" { "config" } else { kind },
                    key: item.key.clone(),
                });
            }
        }
    }
    Ok(payload)
}

pub fn config_map(name: &str, object: Option<&ConfigMap>, projection: &Projection) -> Result<Payload, PayloadError> {
    let Some(object) = object else {
        return missing("configmap", name, projection.is_optional);
    };
    let text = object.data.iter().flatten().map(|(key, value)| (key.clone(), value.clone().into_bytes()));
    let binary = object.binary_data.iter().flatten().map(|(key, value)| (key.clone(), value.0.clone()));
    project(&text.chain(binary).collect(), projection, "configmap")
}

pub fn secret(name: &str, object: Option<&Secret>, projection: &Projection) -> Result<Payload, PayloadError> {
    let Some(object) = object else {
        return missing("secret", name, projection.is_optional);
    };
    let data = object.data.iter().flatten().map(|(key, value)| (key.clone(), value.0.clone()));
    project(&data.collect(), projection, "secret")
}

fn missing(kind: &'static str, name: &str, is_optional: bool) -> Result<Payload, PayloadError> {
    if is_optional { Ok(Payload::new()) } else { Err(PayloadError::NotFound { kind, name: name.to_owned() }) }
}

/// Fields and resources of the Pod as files.
pub fn downward(
    pod: &Pod,
    items: &[DownwardAPIVolumeFile],
    default_mode: i32,
    allocatable: &Allocatable,
) -> Result<Payload, PayloadError> {
    let mut payload = Payload::new();
    for item in items {
        let text = match (&item.field_ref, &item.resource_field_ref) {
            (Some(field), _) => metadata(pod, &field.field_path)?,
            (None, Some(selector)) => {
                let name = selector.container_name.clone().unwrap_or_default();
                let found = containers::find(pod, &name).ok_or(crate::env::EnvError::NoContainer(name))?;
                container_value(&found.container, selector, allocatable)?
            }
            (None, None) => continue,
        };
        payload.insert(item.path.clone(), file(text.into_bytes(), item.mode.unwrap_or(default_mode)));
    }
    Ok(payload)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_become_files() {
        let object: ConfigMap =
            serde_json::from_value(json!({"data": {"a": "1"}, "binaryData": {"b": "AAE="}})).unwrap();
        let all = config_map("cm", Some(&object), &Projection { items: &[], default_mode: 0o400, is_optional: false })
            .unwrap();
        assert_eq!(
            (all["a"].data.as_slice(), all["b"].data.as_slice(), all["a"].mode),
            (&b"1"[..], &[0u8, 1][..], 0o400)
        );
        let items = [KeyToPath { key: "a".into(), path: "x/y".into(), mode: Some(0o600), user: None }];
        let some =
            config_map("cm", Some(&object), &Projection { items: &items, default_mode: 0o644, is_optional: false })
                .unwrap();
        assert_eq!(
            some.into_iter().map(|(path, file)| (path, file.mode)).collect::<Vec<_>>(),
            [("x/y".to_owned(), 0o600)]
        );
        let items = [KeyToPath { key: "z".into(), path: "z".into(), mode: None, user: None }];
        let none =
            config_map("cm", Some(&object), &Projection { items: &items, default_mode: 0o644, is_optional: false });
        assert_eq!(none.unwrap_err().to_string(), "references non-existent config key: z");
        let none = secret("s", None, &Projection { items: &[], default_mode: 0o644, is_optional: false });
        assert_eq!(none.unwrap_err().to_string(), "secret \"s\" not found");
        assert!(
            secret("s", None, &Projection { items: &[], default_mode: 0o644, is_optional: true }).unwrap().is_empty()
        );
    }
}

//! The environment of a container: plain values, ConfigMaps, Secrets, fields, resources, service addresses, `$(VAR)`.
//! Pure: referenced objects are looked up in what the caller has fetched.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Container, EnvFromSource, EnvVar, Pod, Secret, Service};

pub mod expand;
pub mod field;
pub mod resource;
pub mod service;
#[cfg(test)]
mod tests;

use crate::containers::spec;

/// Why an environment cannot be made; upstream's messages, shown in CreateContainerConfigError.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvError {
    #[error("configmap {0:?} not found")]
    NoConfigMap(String),
    #[error("secret {0:?} not found")]
    NoSecret(String),
    #[error("couldn't find key {key} in ConfigMap {namespace}/{name}")]
    NoConfigMapKey { key: String, namespace: String, name: String },
    #[error("couldn't find key {key} in Secret {namespace}/{name}")]
    NoSecretKey { key: String, namespace: String, name: String },
    #[error("unsupported fieldPath: {0}")]
    FieldPath(String),
    #[error("unsupported container resource : {0}")]
    Resource(String),
    #[error("container {0} not found")]
    NoContainer(String),
    #[error("environment variable {0}: fileKeyRef is not served")]
    FileKeyRef(String),
}

/// Objects that a container's environment names, as fetched; absent ones are None.
#[derive(Default, Clone)]
pub struct Referenced {
    pub config_maps: BTreeMap<String, Option<Arc<ConfigMap>>>,
    pub secrets: BTreeMap<String, Option<Arc<Secret>>>,
}

/// What an environment is made from.
pub struct Given<'a> {
    pub pod: &'a Pod,
    pub referenced: &'a Referenced,
    pub services: &'a [Arc<Service>],
    pub pod_ips: &'a [String],
    pub host_ips: &'a [String],
    pub allocatable: &'a resource::Allocatable,
}

/// The names of ConfigMaps and Secrets a container's environment refers to.
pub fn references(container: &Container) -> (Vec<String>, Vec<String>) {
    let (mut config_maps, mut secrets) = (Vec::new(), Vec::new());
    for from in container.env_from.iter().flatten() {
        config_maps.extend(from.config_map_ref.iter().map(|reference| reference.name.clone()));
        secrets.extend(from.secret_ref.iter().map(|reference| reference.name.clone()));
    }
    for source in container.env.iter().flatten().filter_map(|variable| variable.value_from.as_ref()) {
        config_maps.extend(source.config_map_key_ref.iter().map(|reference| reference.name.clone()));
        secrets.extend(source.secret_key_ref.iter().map(|reference| reference.name.clone()));
    }
    (config_maps, secrets)
}

/// Name and value, each name once.
pub fn environment(given: &Given, container: &Container) -> Result<Vec<(String, Vec<u8>)>, EnvError> {
    let services = service::variables(given.pod, given.services);
    let mut result: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for from in container.env_from.iter().flatten() {
        env_from(given, from, &mut result)?;
    }
    for variable in container.env.iter().flatten() {
        if let Some(value) = value(given, container, variable, (&result, &services))? {
            result.insert(variable.name.clone(), value);
        }
    }
    for (name, value) in services {
        result.entry(name).or_insert(value.into_bytes());
    }
    Ok(result.into_iter().collect())
}

fn env_from(given: &Given, from: &EnvFromSource, result: &mut BTreeMap<String, Vec<u8>>) -> Result<(), EnvError> {
    let prefix = from.prefix.as_deref().unwrap_or_default();
    if let Some(reference) = &from.config_map_ref {
        match given.referenced.config_maps.get(&reference.name).cloned().flatten() {
            Some(found) => {
                for (key, value) in found.data.iter().flatten() {
                    result.insert(format!("{prefix}{key}"), value.clone().into_bytes());
                }
            }
            None if reference.optional == Some(true) => {}
            None => return Err(EnvError::NoConfigMap(reference.name.clone())),
        }
    }
    if let Some(reference) = &from.secret_ref {
        match given.referenced.secrets.get(&reference.name).cloned().flatten() {
            Some(found) => {
                for (key, value) in found.data.iter().flatten() {
                    result.insert(format!("{prefix}{key}"), value.0.clone());
                }
            }
            None if reference.optional == Some(true) => {}
            None => return Err(EnvError::NoSecret(reference.name.clone())),
        }
    }
    Ok(())
}

type Known<'a> = (&'a BTreeMap<String, Vec<u8>>, &'a BTreeMap<String, String>);

fn value(given: &Given, container: &Container, variable: &EnvVar, known: Known) -> Result<Option<Vec<u8>>, EnvError> {
    let Some(source) = &variable.value_from else {
        let lookup = |name: &str| {
            let set = known.0.get(name).map(|value| String::from_utf8_lossy(value).into_owned());
            set.or_else(|| known.1.get(name).cloned())
        };
        let text = variable.value.as_deref().unwrap_or_default();
        return Ok(Some(expand::expand(text, &lookup).into_bytes()));
    };
    let namespace = given.pod.metadata.namespace.clone().unwrap_or_default();
    if let Some(field) = &source.field_ref {
        return field::value(given, &field.field_path).map(|text| Some(text.into_bytes()));
    }
    if let Some(selector) = &source.resource_field_ref {
        return resource::value(given, container, selector).map(|text| Some(text.into_bytes()));
    }
    if let Some(reference) = &source.config_map_key_ref {
        let name = reference.name.clone();
        let Some(found) = given.referenced.config_maps.get(&name).cloned().flatten() else {
            return optional(reference.optional, EnvError::NoConfigMap(name));
        };
        return match found.data.as_ref().and_then(|data| data.get(&reference.key)) {
            Some(value) => Ok(Some(value.clone().into_bytes())),
            None => {
                optional(reference.optional, EnvError::NoConfigMapKey { key: reference.key.clone(), namespace, name })
            }
        };
    }
    if let Some(reference) = &source.secret_key_ref {
        let name = reference.name.clone();
        let Some(found) = given.referenced.secrets.get(&name).cloned().flatten() else {
            return optional(reference.optional, EnvError::NoSecret(name));
        };
        return match found.data.as_ref().and_then(|data| data.get(&reference.key)) {
            Some(value) => Ok(Some(value.0.clone())),
            None => optional(reference.optional, EnvError::NoSecretKey { key: reference.key.clone(), namespace, name }),
        };
    }
    if source.file_key_ref.is_some() {
        return Err(EnvError::FileKeyRef(variable.name.clone()));
    }
    Ok(None)
}

/// A missing optional value leaves the variable out.
fn optional(optional: Option<bool>, error: EnvError) -> Result<Option<Vec<u8>>, EnvError> {
    if optional == Some(true) { Ok(None) } else { Err(error) }
}

/// Command and arguments with `$(VAR)` replaced from the container's environment.
pub fn command_line(container: &Container, environment: &[(String, Vec<u8>)]) -> (Vec<String>, Vec<String>) {
    let lookup = |name: &str| {
        let found = environment.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    };
    let all = |texts: &Option<Vec<String>>| texts.iter().flatten().map(|text| expand::expand(text, &lookup)).collect();
    (all(&container.command), all(&container.args))
}

/// Whether the Pod wants the addresses of the services in its namespace.
pub(crate) fn wants_service_links(pod: &Pod) -> bool {
    spec(pod).enable_service_links != Some(false)
}

//! `fieldRef`: a field of the Pod as text, for environments and downward API volumes.

use std::collections::BTreeMap;

use super::{EnvError, Given};
use crate::containers::spec;

/// The value for an environment variable: identity and labels, then what only a running Pod has.
pub fn value(given: &Given, path: &str) -> Result<String, EnvError> {
    let first = |list: &[String]| list.first().cloned().unwrap_or_default();
    let spec = spec(given.pod);
    Ok(match path {
        "spec.nodeName" => spec.node_name.clone().unwrap_or_default(),
        "spec.serviceAccountName" => spec.service_account_name.clone().unwrap_or_default(),
        "status.hostIP" => first(given.host_ips),
        "status.hostIPs" => given.host_ips.join(","),
        "status.podIP" => first(given.pod_ips),
        "status.podIPs" => given.pod_ips.join(","),
        path => return metadata(given.pod, path),
    })
}

/// Metadata fields, which volumes may name too.
pub fn metadata(pod: &k8s_openapi::api::core::v1::Pod, path: &str) -> Result<String, EnvError> {
    let meta = &pod.metadata;
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    if let Some((map, key)) = subscript(path) {
        let labels = match map {
            "metadata.labels" => &meta.labels,
            "metadata.annotations" => &meta.annotations,
            _ => return Err(EnvError::FieldPath(path.to_owned())),
        };
        return Ok(labels.as_ref().and_then(|labels| labels.get(key)).cloned().unwrap_or_default());
    }
    Ok(match path {
        "metadata.name" => text(&meta.name),
        "metadata.namespace" => text(&meta.namespace),
        "metadata.uid" => text(&meta.uid),
        "metadata.labels" => format_map(meta.labels.as_ref()),
        "metadata.annotations" => format_map(meta.annotations.as_ref()),
        _ => return Err(EnvError::FieldPath(path.to_owned())),
    })
}

/// `metadata.labels['key']` as map and key.
fn subscript(path: &str) -> Option<(&str, &str)> {
    let (map, rest) = path.split_once("['")?;
    Some((map, rest.strip_suffix("']")?))
}

/// One `key="value"` a line, sorted, as downward API volumes show whole maps.
fn format_map(map: Option<&BTreeMap<String, String>>) -> String {
    let lines: Vec<String> = map.into_iter().flatten().map(|(key, value)| format!("{key}={}", quote(value))).collect();
    lines.join("\n")
}

/// Go's %q for printable text and the usual escapes.
fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            other if (other as u32) < 0x20 || other as u32 == 0x7f => {
                quoted.push_str(&format!("\\x{:02x}", other as u32))
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

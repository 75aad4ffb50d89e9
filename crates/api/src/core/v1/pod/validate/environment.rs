//! Environment variables and where they come from; also the references to a Pod's own fields that downward API volumes share.

use crate::field::Field;
use crate::names;

const ENV_FIELDS: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// What a downward API volume may show besides labels and annotations by key.
pub(super) const VOLUME_FIELDS: [&str; 5] =
    ["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];

const RESOURCES: [&str; 6] = [
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

pub(super) fn variables(variables: &Field) {
    for variable in variables.items() {
        variable.get("name").require("", names::env_var_name);
        let source = variable.get("valueFrom");
        if source.is_set() {
            value_from(&source, !variable.get("value").text().is_empty());
        }
    }
}

fn value_from(source: &Field, has_value: bool) {
    let mut sources = 0;
    for kind in ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"] {
        let reference = source.get(kind);
        if !reference.is_set() {
            continue;
        }
        sources += 1;
        match kind {
            "fieldRef" => field_reference(&reference, &ENV_FIELDS),
            "resourceFieldRef" => resource_reference(&reference, false),
            "fileKeyRef" => {
                reference.get("key").require("", names::env_var_name);
                reference.get("volumeName").require("", names::dns1123_label);
                if reference.get("path").text().is_empty() {
                    reference.get("path").required("");
                }
            }
            _ => key_reference(&reference),
        }
    }
    let empty = "".into();
    if sources == 0 {
        let one_of =
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`";
        source.invalid_value(&empty, one_of);
    } else if has_value {
        source.invalid_value(&empty, "may not be specified when `value` is not empty");
    } else if sources > 1 {
        source.invalid_value(&empty, "may not have more than one field specified at a time");
    }
}

/// A key of a ConfigMap or Secret.
fn key_reference(reference: &Field) {
    let name = reference.get("name");
    name.invalid_all(names::dns1123_subdomain(name.text()));
    reference.get("key").require("", names::config_map_key);
}

/// A field of the Pod, `metadata.labels['key']` included.
pub(super) fn field_reference(reference: &Field, known: &[&str]) {
    let path = reference.get("fieldPath");
    if reference.get("apiVersion").text().is_empty() {
        return reference.get("apiVersion").required("");
    }
    if path.text().is_empty() {
        return path.required("");
    }
    let subscript = path.text().strip_suffix("']").and_then(|text| text.split_once("['"));
    match subscript {
        Some(("metadata.annotations", key)) => {
            let shown = key.to_lowercase();
            let wrong = names::qualified_name(&shown);
            wrong.iter().for_each(|message| reference.invalid_value(&shown.as_str().into(), message));
        }
        Some(("metadata.labels", key)) => {
            let wrong = names::qualified_name(key);
            wrong.iter().for_each(|message| reference.invalid_value(&key.into(), message));
        }
        _ if !ENV_FIELDS.contains(&path.text()) && !VOLUME_FIELDS.contains(&path.text()) => {
            path.invalid(&format!("error converting fieldPath: field label not supported: {}", path.text()));
        }
        _ => path.one_of(known),
    }
}

/// A container's request or limit.
pub(super) fn resource_reference(reference: &Field, in_volume: bool) {
    let resource = reference.get("resource");
    let huge = ["requests.hugepages-", "limits.hugepages-"].iter().any(|prefix| resource.text().starts_with(prefix));
    if in_volume && reference.get("containerName").text().is_empty() {
        reference.get("containerName").required("");
    } else if resource.text().is_empty() {
        resource.required("");
    } else if !huge {
        resource.one_of(&RESOURCES);
    }
    divisor(reference);
}

fn divisor(reference: &Field) {
    const SIZES: [&str; 13] = ["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"];
    let divisor = reference.get("divisor");
    if matches!(divisor.text(), "" | "0") {
        return;
    }
    let resource = reference.get("resource");
    let name = resource.text().split_once('.').map_or("", |(_, name)| name);
    let what = match name {
        "cpu" if matches!(divisor.text(), "1" | "1m") => return,
        "cpu" => {
            return divisor
                .invalid_value(resource.value, "only divisor's values 1m and 1 are supported with the cpu resource");
        }
        "memory" => "memory",
        "ephemeral-storage" => "local ephemeral storage",
        huge if huge.starts_with("hugepages-") => "hugepages",
        _ => return,
    };
    if !SIZES.contains(&divisor.text()) {
        let sizes = SIZES.join(", ");
        divisor.invalid_value(
            resource.value,
            &format!("only divisor's values {sizes} are supported with the {what} resource"),
        );
    }
}

pub(super) fn sources(sources: &Field) {
    for source in sources.items() {
        source.get("prefix").check(names::env_var_name);
        let references = ["configMapRef", "secretRef"].map(|kind| source.get(kind));
        for reference in references.iter().filter(|reference| reference.is_set()) {
            let rule = |name: &str| names::dns1123_subdomain(&names::mask_trailing_dash(name));
            reference.get("name").require("", rule);
        }
        match references.iter().filter(|reference| reference.is_set()).count() {
            0 => sources.invalid_value(&"".into(), "must specify one of: `configMapRef` or `secretRef`"),
            1 => {}
            _ => sources.invalid_value(&"".into(), "may not have more than one field specified at a time"),
        }
    }
}

//! What is missing or in excess in an access review (upstream: pkg/apis/authorization/validation). Unknown operators of selectors are no error:
//! newer clients may know more of them. Pure.

use api::field_error::FieldError;
use api::names;
use serde_json::{Map, Value, json};

use super::text;
use crate::status::Status;

const ATTRIBUTES: &str = "spec.resourceAttributes";
const PATHS: &str = "spec.nonResourceAttributes";

/// 422 for a review that cannot be decided. Upstream names no kind in it.
pub(super) fn check(resource: &str, namespace: &str, review: &Value) -> Result<(), Status> {
    let spec = &review["spec"];
    let mut errors = subject(resource, spec);
    errors.extend(selector(&spec["resourceAttributes"], "fieldSelector", field_requirement));
    errors.extend(selector(&spec["resourceAttributes"], "labelSelector", label_requirement));
    errors.extend(metadata(resource, &review["metadata"]));
    if resource == "localsubjectaccessreviews" {
        errors.extend(local(namespace, spec));
    }
    if errors.is_empty() { Ok(()) } else { Err(Status::invalid_kind("authorization.k8s.io", "", "", &errors)) }
}

fn subject(resource: &str, spec: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let paths = &spec["nonResourceAttributes"];
    match (spec["resourceAttributes"].is_object(), paths.is_object()) {
        (true, true) => {
            let why = "cannot be specified in combination with resourceAttributes";
            errors.push(FieldError::invalid(PATHS, &go_paths(paths), why));
        }
        (false, false) => {
            let why = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
            errors.push(FieldError::invalid(ATTRIBUTES, &Value::Null, why));
        }
        _ => {}
    }
    let groups = spec["groups"].as_array().is_some_and(|groups| !groups.is_empty());
    if resource != "selfsubjectaccessreviews" && text(spec, "user").is_empty() && !groups {
        errors.push(FieldError::invalid("spec.user", &json!(""), "at least one of user or group must be specified"));
    }
    errors
}

/// As upstream's internal type prints itself.
fn go_paths(paths: &Value) -> Value {
    json!({"Path": text(paths, "path"), "Verb": text(paths, "verb")})
}

fn metadata(resource: &str, metadata: &Value) -> Option<FieldError> {
    let local = resource == "localsubjectaccessreviews";
    let empty = |value: &Value| value.is_null() || value == "" || value == &json!({}) || value == &json!([]);
    let expected = |field: &str| field == "managedFields" || local && field == "namespace";
    let given = metadata.as_object().into_iter().flatten();
    let given: Map<String, Value> = given
        .filter(|(field, value)| !expected(field) && !empty(value))
        .map(|(field, value)| (field.clone(), value.clone()))
        .collect();
    let why = if local { "must be empty except for namespace" } else { "must be empty" };
    (!given.is_empty()).then(|| FieldError::invalid("metadata", metadata, why))
}

fn local(namespace: &str, spec: &Value) -> Vec<FieldError> {
    let (resource, paths) = (&spec["resourceAttributes"], &spec["nonResourceAttributes"]);
    let mut errors = Vec::new();
    if resource.is_object() && text(resource, "namespace") != namespace {
        let (field, value) = (format!("{ATTRIBUTES}.namespace"), json!(text(resource, "namespace")));
        errors.push(FieldError::invalid(field, &value, "must match metadata.namespace"));
    }
    if paths.is_object() {
        errors.push(FieldError::invalid(PATHS, &go_paths(paths), "disallowed on this kind of request"));
    }
    errors
}

fn selector(attributes: &Value, name: &str, key: fn(&Value, &str) -> Vec<FieldError>) -> Vec<FieldError> {
    let (selector, path) = (&attributes[name], format!("{ATTRIBUTES}.{name}"));
    if !selector.is_object() {
        return Vec::new();
    }
    let raw = text(selector, "rawSelector");
    let requirements = selector["requirements"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut errors = Vec::new();
    if !raw.is_empty() && !requirements.is_empty() {
        let why = "may not specified at the same time as requirements";
        errors.push(FieldError::invalid(format!("{path}.rawSelector"), &json!(raw), why));
    }
    if raw.is_empty() && requirements.is_empty() {
        let why = format!("when {path} is specified, requirements or rawSelector is required");
        errors.push(FieldError::required(format!("{path}.requirements"), &why));
    }
    for (at, requirement) in requirements.iter().enumerate() {
        let path = format!("{path}.requirements[{at}]");
        errors.extend(values(requirement, &path));
        errors.extend(key(requirement, &path));
    }
    errors
}

fn values(requirement: &Value, path: &str) -> Option<FieldError> {
    let none = requirement["values"].as_array().is_none_or(Vec::is_empty);
    match text(requirement, "operator") {
        "In" | "NotIn" if none => {
            let why = "must be specified when `operator` is 'In' or 'NotIn'";
            Some(FieldError::required(format!("{path}.values"), why))
        }
        "Exists" | "DoesNotExist" if !none => {
            let why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            Some(FieldError::forbidden(format!("{path}.values"), why))
        }
        _ => None,
    }
}

fn field_requirement(requirement: &Value, path: &str) -> Vec<FieldError> {
    let missing = text(requirement, "key").is_empty();
    missing.then(|| FieldError::required(format!("{path}.key"), "must be specified")).into_iter().collect()
}

fn label_requirement(requirement: &Value, path: &str) -> Vec<FieldError> {
    let invalid = |field: String, value: &str, messages: Vec<String>| {
        let value = json!(value);
        messages.into_iter().map(move |why| FieldError::invalid(field.clone(), &value, &why)).collect::<Vec<_>>()
    };
    let key = text(requirement, "key");
    let mut errors = invalid(format!("{path}.key"), key, names::qualified_name(key));
    let values = requirement["values"].as_array().into_iter().flatten().filter_map(Value::as_str);
    for (at, value) in values.enumerate() {
        errors.extend(invalid(format!("{path}.values[{at}]"), value, names::label_value(value)));
    }
    errors
}

//! Validation that is the same for all kinds: metadata, and what of it an update may not change (apimachinery pkg/api/validation).

use api::field_error::{FieldError, FieldErrorType};
use api::kind::NameRule;
use api::names;
use serde_json::{Map, Value};

use super::metadata;
use super::scope::Scope;

const ANNOTATIONS_BYTES_MAX: usize = 256 * 1024;

/// metadata of a new object.
pub(super) fn metadata(scope: &Scope<'_>, object: &Value) -> Vec<FieldError> {
    let kind = scope.kind;
    let mut errors = Vec::new();
    let name = metadata::text(object, "name");
    if name.is_empty() {
        errors.push(FieldError::required("metadata.name", "name or generateName is required"));
    } else {
        for why in name_messages(kind.hooks.name_rule, name) {
            errors.push(FieldError::invalid("metadata.name", &name.into(), &why));
        }
    }
    maps(scope, object, &Value::Null, &mut errors);
    errors
}

fn maps(scope: &Scope<'_>, object: &Value, old: &Value, errors: &mut Vec<FieldError>) {
    let metadata = &object["metadata"];
    let entries = |field: &str| metadata[field].as_object().cloned().unwrap_or_default();
    labels(&entries("labels"), errors);
    annotations(&entries("annotations"), errors);
    match scope.kind.hooks.custom {
        true => warn_of_finalizers(scope, object, old),
        false => finalizers(object, old, errors),
    }
    together(object, errors);
    owners(metadata, errors);
}

fn labels(labels: &Map<String, Value>, errors: &mut Vec<FieldError>) {
    const FIELD: &str = "metadata.labels";
    for (key, value) in labels {
        let text = value.as_str().unwrap_or_default();
        errors
            .extend(names::qualified_name(key).iter().map(|why| FieldError::invalid(FIELD, &key.as_str().into(), why)));
        errors.extend(names::label_value(text).iter().map(|why| FieldError::invalid(FIELD, value, why)));
    }
}

fn name_messages(rule: NameRule, name: &str) -> Vec<String> {
    match rule {
        NameRule::DnsSubdomain => names::dns1123_subdomain(name),
        NameRule::DnsLabel => names::dns1123_label(name),
        NameRule::Dns1035Label => names::dns1035_label(name),
        NameRule::PathSegment => names::path_segment(name),
    }
}

fn annotations(annotations: &Map<String, Value>, errors: &mut Vec<FieldError>) {
    const FIELD: &str = "metadata.annotations";
    let mut size = 0;
    for (key, value) in annotations {
        // Annotation keys may be written in any case.
        for why in names::qualified_name(&key.to_lowercase()) {
            errors.push(FieldError::invalid(FIELD, &key.as_str().into(), &why));
        }
        size += key.len() + value.as_str().map_or(0, str::len);
    }
    if size > ANNOTATIONS_BYTES_MAX {
        let message = format!("Too long: may not be more than {ANNOTATIONS_BYTES_MAX} bytes");
        errors.push(FieldError { error_type: FieldErrorType::TooLong, field: FIELD.to_owned(), message });
    }
}

/// Finalizers that need no domain before their name.
const STANDARD_FINALIZERS: [&str; 3] = [super::graceful::ORPHAN, super::graceful::FOREGROUND, "kubernetes"];

/// A name that is there already may stay as it is: whoever put it there has to be able to take it away.
fn finalizers(object: &Value, old: &Value, errors: &mut Vec<FieldError>) {
    let (names, former) = (metadata::finalizers(object), metadata::finalizers(old));
    for (at, name) in names.iter().enumerate() {
        if !name.contains('/') && !STANDARD_FINALIZERS.contains(name) && !former.contains(name) {
            let why = "name is neither a standard finalizer name nor is it fully qualified";
            errors.push(FieldError::invalid(format!("metadata.finalizers[{at}]"), &(*name).into(), why));
        }
        for why in names::qualified_name(name) {
            errors.push(FieldError::invalid("metadata.finalizers", &(*name).into(), &why));
        }
    }
}

/// Custom resources may have any finalizers; those without a domain are advised against.
fn warn_of_finalizers(scope: &Scope<'_>, object: &Value, old: &Value) {
    let before = metadata::finalizers(old);
    for name in metadata::finalizers(object).into_iter().filter(|name| !before.contains(name)) {
        for why in names::qualified_name(name) {
            scope.warnings.add(format!("metadata.finalizers: {name:?}: {why}"));
        }
        if !name.contains('/') && !STANDARD_FINALIZERS.contains(&name) {
            let path = if name.contains('.') { " including a path (/)" } else { "" };
            scope.warnings.add(format!(
                "metadata.finalizers: {name:?}: prefer a domain-qualified finalizer name{path} to avoid accidental conflicts with other finalizer writers"
            ));
        }
    }
}

/// Two ways to go exclude each other.
fn together(object: &Value, errors: &mut Vec<FieldError>) {
    let names = metadata::finalizers(object);
    if names.contains(&super::graceful::ORPHAN) && names.contains(&super::graceful::FOREGROUND) {
        let why = "finalizer orphan and foregroundDeletion cannot be both set";
        errors.push(FieldError::invalid("metadata.finalizers", &object["metadata"]["finalizers"], why));
    }
}

fn owners(metadata: &Value, errors: &mut Vec<FieldError>) {
    let owners = metadata["ownerReferences"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (at, owner) in owners.iter().enumerate() {
        for field in ["apiVersion", "kind", "name", "uid"] {
            if owner[field].as_str().is_none_or(str::is_empty) {
                let path = format!("metadata.ownerReferences[{at}].{field}");
                errors.push(FieldError::invalid(path, &"".into(), "must not be empty"));
            }
        }
    }
    let controllers: Vec<&Value> = owners.iter().filter(|owner| owner["controller"] == true).collect();
    if let [first, second, ..] = controllers.as_slice() {
        let name = |owner: &Value| owner["name"].as_str().unwrap_or_default().to_owned();
        let why = format!(
            "Only one reference can have Controller set to true. Found \"true\" in references for {} and {}",
            name(first),
            name(second)
        );
        errors.push(FieldError::invalid("metadata.ownerReferences", &Value::Array(owners.to_vec()), &why));
    }
}

/// Everything an update has to hold: metadata, the kind's rules for the new state, the kind's rules for the change.
pub(super) fn update(scope: &Scope<'_>, new: &Value, old: &Value) -> Vec<FieldError> {
    let context = scope.context();
    let mut errors = Vec::new();
    maps(scope, new, old, &mut errors);
    for field in ["name", "namespace", "uid"] {
        let (after, before) = (metadata::text(new, field), metadata::text(old, field));
        if after != before {
            errors.push(FieldError::invalid(format!("metadata.{field}"), &after.into(), "field is immutable"));
        }
    }
    new_finalizers(new, old, &mut errors);
    errors.extend((scope.kind.hooks.validate)(new, &context));
    errors.extend((scope.kind.hooks.validate_update)(new, old, &context));
    errors.extend(scope.schema_errors(new, Some(old)));
    errors
}

fn new_finalizers(new: &Value, old: &Value, errors: &mut Vec<FieldError>) {
    if old["metadata"].get("deletionTimestamp").is_none() {
        return;
    }
    let before = metadata::finalizers(old);
    let added: Vec<&str> = metadata::finalizers(new).into_iter().filter(|name| !before.contains(name)).collect();
    if !added.is_empty() {
        let list: Vec<String> = added.iter().map(|name| format!("{name:?}")).collect();
        let why = format!(
            "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
            list.join(", ")
        );
        errors.push(FieldError::forbidden("metadata.finalizers", &why));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_finalizer_that_was_there_may_stay_and_a_new_one_is_qualified() {
        let with = |names: &[&str]| json!({"metadata": {"finalizers": names}});
        let errors = |new: &[&str], old: &[&str]| {
            let mut errors = Vec::new();
            finalizers(&with(new), &with(old), &mut errors);
            errors.len()
        };
        assert_eq!(errors(&["hold"], &[]), 1);
        assert_eq!(errors(&["hold"], &["hold"]), 0);
        assert_eq!(errors(&["hold", "keep", "a.example/b"], &["hold"]), 1);
    }
}

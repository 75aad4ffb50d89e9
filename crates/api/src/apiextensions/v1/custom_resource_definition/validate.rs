//! What a CustomResourceDefinition has to hold (apiextensions-apiserver pkg/apis/apiextensions/validation). What all versions have in common is
//! reported where upstream's internal type has it: below `spec` itself.

mod columns;
mod conversion;
mod defaults;
mod names;
mod rules;
mod schema;
mod structural;

use serde_json::{Value, json};

use crate::custom::{Approval, approval_state, is_condition, is_protected};
use crate::field::{Field, validate};
use crate::field_error::FieldError;
use crate::kind::WriteContext;
use crate::tree::{at, items, text};
use crate::{meta, names as words};

pub(super) fn create(definition: &Value, _: &WriteContext) -> Vec<FieldError> {
    validate(definition, |definition| {
        approval(definition, None);
    })
}

/// Holds at every write.
pub(super) fn always(definition: &Value, context: &WriteContext) -> Vec<FieldError> {
    validate(definition, |definition| {
        if !context.subresource.is_empty() {
            let status = definition.get("status");
            return names::names(&status.get("acceptedNames"));
        }
        named(definition);
        spec(&definition.get("spec"));
        preserved(&definition.get("spec"));
        // What is accepted of the names comes from the spec in the same write.
        stored_versions(definition);
    })
}

pub(super) fn update(definition: &Value, old: &Value, _: &WriteContext) -> Vec<FieldError> {
    validate(definition, |definition| {
        let spec = definition.get("spec");
        if is_condition(old, "Established", "True") {
            spec.get("scope").immutable(at(old, "spec.scope"));
            spec.get("names").get("kind").immutable(at(old, "spec.names.kind"));
        }
        spec.get("group").immutable(at(old, "spec.group"));
        spec.get("names").get("plural").immutable(at(old, "spec.names.plural"));
        approval(definition, Some(old));
    })
}

fn named(definition: &Field) {
    let wanted = format!("{}.{}", text(definition.value, "spec.names.plural"), text(definition.value, "spec.group"));
    let metadata = definition.get("metadata");
    if metadata.get("name").text() != wanted {
        metadata.get("name").invalid("must be spec.names.plural+\".\"+spec.group");
    }
}

fn preserved(spec: &Field) {
    if spec.get("preserveUnknownFields").flag() {
        spec.get("preserveUnknownFields").invalid(
            "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead",
        );
    }
}

fn spec(spec: &Field) {
    let group = spec.get("group");
    match group.text() {
        "" => group.required(""),
        text => match words::dns1123_subdomain(text) {
            wrong if !wrong.is_empty() => group.invalid(&wrong.join(",")),
            _ if !text.contains('.') => group.invalid("should be a domain with at least one dot"),
            _ => {}
        },
    }
    spec.get("scope").require_one_of(&["Cluster", "Namespaced"]);
    versions(spec);
    names::required(&spec.get("names"));
    names::names(&spec.get("names"));
    common(spec);
    conversion::conversion(&spec.get("conversion"));
}

/// A field that all versions have alike; null when they differ.
fn shared<'a>(versions: &'a [Value], field: &str) -> &'a Value {
    let first = versions.first().map_or(&Value::Null, |version| at(version, field));
    if versions.iter().all(|version| at(version, field) == first) { first } else { &Value::Null }
}

fn versions(spec: &Field) {
    let all = items(spec.value, "versions");
    let list = spec.get("versions");
    for version in list.items().filter(|version| !at(version.value, "schema.openAPIV3Schema").is_object()) {
        version.get("schema").get("openAPIV3Schema").required("");
    }
    for version in list.items() {
        let wrong = words::dns1035_label(version.get("name").text());
        if !wrong.is_empty() {
            version.get("name").invalid(&wrong.join(","));
        }
        warning(&version);
        let has_status = !at(version.value, "subresources.status").is_null();
        if shared(all, "schema").is_null() {
            schema::root(&version.get("schema").get("openAPIV3Schema"), has_status);
        }
        if shared(all, "subresources").is_null() {
            columns::subresources(&version.get("subresources"));
        }
        if shared(all, "additionalPrinterColumns").is_null() {
            version.get("additionalPrinterColumns").items().for_each(|column| columns::column(&column));
        }
        if shared(all, "selectableFields").is_null() {
            columns::selectable(&version.get("selectableFields"), at(version.value, "schema.openAPIV3Schema"));
        }
    }
    let mut known: Vec<&str> = all.iter().map(|version| text(version, "name")).collect();
    known.sort_unstable();
    known.dedup();
    if known.len() < all.len() {
        list.invalid("must contain unique version names");
    }
    if all.iter().filter(|version| version["storage"] == true).count() != 1 {
        list.invalid("must have exactly one version marked as storage version");
    }
}

/// What all versions share.
fn common(spec: &Field) {
    let all = items(spec.value, "versions");
    let has_status = all.iter().any(|version| !at(version, "subresources.status").is_null());
    let hoisted = json!({
        "validation": shared(all, "schema"),
        "subresources": shared(all, "subresources"),
        "additionalPrinterColumns": shared(all, "additionalPrinterColumns"),
        "selectableFields": shared(all, "selectableFields"),
    });
    let spec = spec.with(&hoisted);
    schema::root(&spec.get("validation").get("openAPIV3Schema"), has_status);
    columns::subresources(&spec.get("subresources"));
    spec.get("additionalPrinterColumns").items().for_each(|column| columns::column(&column));
    columns::selectable(&spec.get("selectableFields"), at(&hoisted, "validation.openAPIV3Schema"));
}

fn warning(version: &Field) {
    let warning = version.get("deprecationWarning");
    let Some(text) = warning.value.as_str() else { return };
    if !version.get("deprecated").flag() {
        return warning.invalid("can only be set for deprecated versions");
    }
    if text.len() > 256 {
        warning.invalid("must be <= 256 characters long");
    }
    if text.is_empty() {
        warning.invalid("must not be an empty string");
    }
    if let Some((at, _)) = text.char_indices().find(|(_, letter)| letter.is_control()) {
        warning.invalid(&format!(
            "must only contain printable UTF-8 characters; non-printable character found at index {at}"
        ));
    }
}

fn stored_versions(definition: &Field) {
    let status = definition.get("status");
    let list = status.get("storedVersions");
    let stored: Vec<&str> = items(definition.value, "status.storedVersions").iter().filter_map(Value::as_str).collect();
    if stored.is_empty() {
        return list.invalid_value(&json!([]), "must have at least one stored version");
    }
    let versions = items(definition.value, "spec.versions");
    for version in versions.iter().filter(|version| version["storage"] == true) {
        let name = text(version, "name");
        if !stored.contains(&name) {
            list.invalid(&format!("must have the storage version {name}"));
        }
    }
    for item in list.items().filter(|item| !versions.iter().any(|version| text(version, "name") == item.text())) {
        let name = item.text();
        item.invalid(&format!(
            "missing from spec.versions; {name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in {name} and removes {name} from status.storedVersions"
        ));
    }
}

/// Groups of the community take its approval; what an update leaves as it was is let be.
fn approval(definition: &Field, old: Option<&Value>) {
    if !is_protected(text(definition.value, "spec.group")) {
        return;
    }
    let (state, reason) = approval_state(definition.value);
    if old.is_some_and(|old| approval_state(old).0 == state) {
        return;
    }
    let metadata = definition.get("metadata");
    let annotations = metadata.get("annotations");
    let place = annotations.entry("api-approved.kubernetes.io");
    match state {
        Approval::Missing => place.required(&reason),
        Approval::Invalid => {
            let given = meta::annotation(definition.value, "api-approved.kubernetes.io").unwrap_or_default();
            place.invalid_value(&given.into(), &reason);
        }
        Approval::Approved | Approval::Bypassed => {}
    }
}

#[cfg(test)]
mod tests;

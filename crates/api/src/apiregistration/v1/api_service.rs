//! APIService: a group and version served by another API server.

use crate::field::{self, Field};
use crate::kind::{Column, Hooks, Kind, NameRule, STANDARD_VERBS, Subresource, WriteContext};
use crate::names;
use crate::tree::{at, at_mut, default as fill, items, set, text};
use serde_json::{Value, json};

pub static KIND: Kind = Kind {
    group: "apiregistration.k8s.io",
    version: "v1",
    kind: "APIService",
    plural: "apiservices",
    singular: "apiservice",
    short_names: &[],
    categories: &["api-extensions"],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "apiregistration.k8s.io/apiservices",
    storage_version: None,
    subresources: &[Subresource::status("apiregistration.k8s.io", "v1", "APIService")],
    columns: &[
        Column::string("Service", "The service that serves this version, or Local.", |service, _| {
            backend(service).into()
        }),
        Column::string("Available", "Whether the version can be reached.", |service, _| available(service).into()),
    ],
    service: "",
    hooks: Hooks {
        default,
        prepare_create,
        validate: |service, _| field::validate(service, check),
        has_status: true,
        unconditional_update: false,
        name_rule: NameRule::PathSegment,
        ..Hooks::NONE
    },
};

fn backend(service: &Value) -> String {
    match at(service, "spec.service") {
        Value::Null => "Local".to_owned(),
        reference => format!("{}/{}", text(reference, "namespace"), text(reference, "name")),
    }
}

fn available(service: &Value) -> String {
    let condition = items(service, "status.conditions").iter().find(|condition| text(condition, "type") == "Available");
    match condition.map(|condition| (text(condition, "status"), text(condition, "reason"))) {
        None => "Unknown".to_owned(),
        Some(("True", _)) => "True".to_owned(),
        Some((status, "")) => status.to_owned(),
        Some((status, reason)) => format!("{status} ({reason})"),
    }
}

fn default(service: &mut Value) {
    if let Some(reference) = at_mut(service, "spec.service") {
        fill(reference, "port", 443);
    }
}

/// A version that this server serves itself is available from the start.
fn prepare_create(service: &mut Value, context: &WriteContext) {
    let status = if at(service, "spec.service").is_null() {
        let now = context.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        json!({"conditions": [{
            "type": "Available",
            "status": "True",
            "reason": "Local",
            "message": "Local APIServices are always available",
            "lastTransitionTime": now,
        }]})
    } else {
        json!({})
    };
    set(service, "status", status);
}

/// kube-aggregator's pkg/apis/apiregistration/validation.
fn check(service: &Field) {
    let (metadata, spec) = (service.get("metadata"), service.get("spec"));
    let (name, group, version) = (metadata.get("name"), spec.get("group"), spec.get("version"));
    let required = format!("{}.{}", version.text(), group.text());
    if name.text() != required && names::path_segment(name.text()).is_empty() {
        name.invalid(&format!("must be `spec.version+\".\"+spec.group`: {required:?}"));
    }
    if group.text().is_empty() && version.text() != "v1" {
        group.required("only v1 may have an empty group and it better be legacy kube");
    }
    group.check(names::dns1123_subdomain);
    version.invalid_all(names::dns1035_label(version.text()));
    priority(&spec.get("groupPriorityMinimum"), 20_000);
    priority(&spec.get("versionPriority"), 1000);
    let (bundle, insecure, reference) = (spec.get("caBundle"), spec.get("insecureSkipTLSVerify"), spec.get("service"));
    let has_bundle = !bundle.text().is_empty();
    if !reference.is_set() {
        if has_bundle {
            let shown = format!("{} bytes", decoded_length(bundle.text()));
            bundle.invalid_value(&shown.into(), "local APIServices may not have a caBundle");
        }
        if insecure.flag() {
            insecure.invalid("local APIServices may not have insecureSkipTLSVerify");
        }
        return;
    }
    for field in ["namespace", "name"] {
        if reference.get(field).text().is_empty() {
            reference.get(field).required("");
        }
    }
    if insecure.flag() && has_bundle {
        insecure.invalid("may not be true if caBundle is present");
    }
}

fn priority(priority: &Field, max: i64) {
    let number = priority.int().unwrap_or_default();
    if !(1..=max).contains(&number) {
        priority.invalid_value(&number.into(), &format!("must be positive and less than {max}"));
    }
}

/// Bytes behind a base64 text.
fn decoded_length(text: &str) -> usize {
    text.trim_end_matches('=').len() * 3 / 4
}

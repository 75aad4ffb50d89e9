//! APIService: a group and version served by another API server.

use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, Subresource, WriteContext};
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
    hooks: Hooks { default, prepare_create, has_status: true, unconditional_update: false, ..Hooks::NONE },
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

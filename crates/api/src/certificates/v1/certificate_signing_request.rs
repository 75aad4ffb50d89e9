//! CertificateSigningRequest: a request for a certificate from one of the cluster's signers.

mod validate;

use crate::kind::{Column, Hooks, Kind, NameRule, STANDARD_VERBS, Subresource, SubresourceRole, WriteContext};
use crate::printer::{AGE, NONE, human_duration, text_or};
use crate::tree::{at, int, items, items_mut, keep, map_mut, remove, set, text};
use serde_json::{Value, json};

pub static KIND: Kind = Kind {
    group: "certificates.k8s.io",
    version: "v1",
    kind: "CertificateSigningRequest",
    plural: "certificatesigningrequests",
    singular: "certificatesigningrequest",
    short_names: &["csr"],
    categories: &[],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "certificatesigningrequests",
    storage_version: None,
    subresources: &[
        Subresource {
            name: "approval",
            group: "certificates.k8s.io",
            version: "v1",
            kind: "CertificateSigningRequest",
            verbs: &["get", "patch", "update"],
            role: SubresourceRole::Same,
        },
        Subresource::status("certificates.k8s.io", "v1", "CertificateSigningRequest"),
    ],
    columns: COLUMNS,
    service: "",
    hooks: Hooks {
        prepare_create,
        prepare_update,
        validate: validate::request,
        validate_update: validate::update,
        prepare_subresource,
        selectable_fields: |request| vec![("spec.signerName", text(request, "spec.signerName").to_owned())],
        age_column: false,
        has_status: true,
        name_rule: NameRule::PathSegment,
        ..Hooks::NONE
    },
};

const COLUMNS: &[Column] =
    &[
        AGE,
        Column::string("SignerName", "The requested signer.", |request, _| text_or(request, "spec.signerName", NONE)),
        Column::string("Requestor", "Name of the user that created the request.", |request, _| {
            text(request, "spec.username").into()
        }),
        Column::string("RequestedDuration", "The requested duration of validity of the certificate.", |request, _| {
            match int(request, "spec.expirationSeconds") {
                Some(seconds) => human_duration(seconds).into(),
                None => NONE.into(),
            }
        }),
        Column::string("Condition", "The state of the request.", |request, _| condition(request).into()),
    ];

fn condition(request: &Value) -> String {
    let has = |name: &str| items(request, "status.conditions").iter().any(|condition| text(condition, "type") == name);
    let verdict = match (has("Denied"), has("Approved")) {
        (true, _) => "Denied",
        (false, true) => "Approved",
        (false, false) => "Pending",
    };
    let failed = if has("Failed") { ",Failed" } else { "" };
    let issued = if text(request, "status.certificate").is_empty() { "" } else { ",Issued" };
    format!("{verdict}{failed}{issued}")
}

/// The requester is whom the server has seen, not whom the object names.
fn prepare_create(request: &mut Value, context: &WriteContext) {
    remove(request, "status");
    let spec = map_mut(request, "spec");
    for field in ["username", "uid", "groups", "extra"] {
        spec.remove(field);
    }
    spec.insert("username".into(), context.user_name.into());
    if !context.user_uid.is_empty() {
        spec.insert("uid".into(), context.user_uid.into());
    }
    if !context.user_groups.is_empty() {
        spec.insert("groups".into(), json!(context.user_groups));
    }
}

/// A request never changes.
fn prepare_update(new: &mut Value, old: &Value, _: &WriteContext) {
    keep(new, old, "spec");
}

/// Only the conditions of the status change through the approval, besides metadata.
fn prepare_subresource(new: &mut Value, old: &Value, context: &WriteContext) {
    if context.subresource == "approval" {
        let conditions = at(new, "status.conditions").clone();
        let metadata = new["metadata"].take();
        *new = old.clone();
        new["metadata"] = metadata;
        map_mut(new, "status");
        if conditions.is_null() {
            remove(&mut new["status"], "conditions");
        } else {
            set(&mut new["status"], "conditions", conditions);
        }
    }
    if !at(new, "status.conditions").is_null() {
        stamp(new, old, context);
    }
}

/// New or changed conditions carry the time of the change.
fn stamp(new: &mut Value, old: &Value, context: &WriteContext) {
    let now = context.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    for condition in items_mut(&mut new["status"], "conditions") {
        let kind = text(condition, "type").to_owned();
        let before = items(old, "status.conditions").iter().find(|condition| text(condition, "type") == kind);
        if at(condition, "lastUpdateTime").is_null() {
            set(condition, "lastUpdateTime", now.as_str());
        }
        if at(condition, "lastTransitionTime").is_null() {
            let unchanged = before.filter(|before| text(before, "status") == text(condition, "status"));
            let time = unchanged.map_or(now.as_str(), |before| text(before, "lastTransitionTime")).to_owned();
            set(condition, "lastTransitionTime", time);
        }
    }
}

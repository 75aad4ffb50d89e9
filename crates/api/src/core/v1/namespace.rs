//! Namespace: a scope for names.

use crate::kind::{Column, Hooks, Kind, NameRule, Subresource, SubresourceRole, WriteContext};
use crate::tree::{at, default as fill, items, keep, map_mut, set, text};
use crate::{field, meta};
use crate::{field_error::FieldError, names};
use serde_json::{Value, json};

pub static KIND: Kind = Kind {
    group: "",
    version: "v1",
    kind: "Namespace",
    plural: "namespaces",
    singular: "namespace",
    short_names: &["ns"],
    categories: &[],
    namespaced: false,
    verbs: &["create", "delete", "get", "list", "patch", "update", "watch"],
    storage: "namespaces",
    storage_version: None,
    subresources: &[
        Subresource {
            name: "finalize",
            group: "",
            version: "v1",
            kind: "Namespace",
            verbs: &["update"],
            role: SubresourceRole::Same,
        },
        Subresource::status("", "v1", "Namespace"),
    ],
    columns: &[Column::string("Status", "The status of the namespace", |namespace, _| {
        text(namespace, "status.phase").into()
    })],
    service: "",
    hooks: Hooks {
        validate,

        default,
        prepare_create,
        prepare_update,
        prepare_subresource,
        prepare_delete,
        delays_deletion: |namespace| !items(namespace, "spec.finalizers").is_empty(),
        selectable_fields: |namespace| vec![("status.phase", text(namespace, "status.phase").to_owned())],
        has_status: true,
        name_rule: NameRule::DnsLabel,
        ..Hooks::NONE
    },
};

/// Label with the namespace's own name, for selectors.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";
const FINALIZER: &str = "kubernetes";

fn default(namespace: &mut Value) {
    let name = meta::name(namespace).to_owned();
    if !name.is_empty() {
        meta::set_label(namespace, NAME_LABEL, &name);
    }
    map_mut(namespace, "status");
    fill(&mut namespace["status"], "phase", "Active");
}

fn prepare_create(namespace: &mut Value, _: &WriteContext) {
    set(namespace, "status", json!({"phase": "Active"}));
    let mut finalizers = items(namespace, "spec.finalizers").to_vec();
    if !finalizers.iter().any(|finalizer| finalizer == FINALIZER) {
        finalizers.push(FINALIZER.into());
    }
    map_mut(namespace, "spec").insert("finalizers".into(), finalizers.into());
    let name = meta::name(namespace).to_owned();
    meta::set_label(namespace, NAME_LABEL, &name);
}

/// Finalizers change through the subresource `finalize` alone.
fn prepare_update(new: &mut Value, old: &Value, _: &WriteContext) {
    map_mut(new, "spec");
    keep(&mut new["spec"], at(old, "spec"), "finalizers");
    let name = meta::name(new).to_owned();
    meta::set_label(new, NAME_LABEL, &name);
}

/// What finalizes a namespace leaves its status alone.
fn prepare_subresource(new: &mut Value, old: &Value, context: &WriteContext) {
    if context.subresource == "finalize" {
        keep(new, old, "status");
    }
}

fn prepare_delete(namespace: &mut Value) {
    map_mut(namespace, "status").insert("phase".into(), "Terminating".into());
}

fn validate(namespace: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(namespace, |namespace| {
        let spec = namespace.get("spec");
        let finalizers = spec.get("finalizers");
        for finalizer in finalizers.items() {
            let wrong = names::qualified_name(finalizer.text());
            wrong.iter().for_each(|why| finalizers.invalid_value(finalizer.value, why));
            if !finalizer.text().contains('/') && finalizer.text() != FINALIZER {
                finalizers.invalid_value(
                    finalizer.value,
                    "name is neither a standard finalizer name nor is it fully qualified",
                );
            }
        }
    })
}

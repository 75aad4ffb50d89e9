//! CustomResourceDefinition: a kind defined at run time.

mod validate;

use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, Subresource, WriteContext};
use crate::tree::{at, at_mut, default as fill, items, map_mut, remove, set, text};
use crate::{custom, meta};
use serde_json::{Value, json};

/// The finalizer of a definition whose instances are not gone yet.
pub const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

pub static KIND: Kind = Kind {
    group: "apiextensions.k8s.io",
    version: "v1",
    kind: "CustomResourceDefinition",
    plural: "customresourcedefinitions",
    singular: "customresourcedefinition",
    short_names: &["crd", "crds"],
    categories: &["api-extensions"],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "apiextensions.k8s.io/customresourcedefinitions",
    storage_version: None,
    subresources: &[Subresource::status("apiextensions.k8s.io", "v1", "CustomResourceDefinition")],
    columns: &[Column::string("Created At", "When the definition was created.", |definition, _| {
        meta::creation_timestamp(definition).into()
    })],
    service: "customresourcedefinitions",
    hooks: Hooks {
        default,
        prepare_create,
        prepare_delete,
        delays_deletion: |definition| meta::deletion_timestamp(definition).is_none(),
        validate: validate::always,
        validate_create: validate::create,
        validate_update: validate::update,
        age_column: false,
        has_status: true,
        has_generation: true,
        unconditional_update: false,
        ..Hooks::NONE
    },
};

fn default(definition: &mut Value) {
    let Some(spec) = at_mut(definition, "spec") else { return };
    if let Some(names) = at_mut(spec, "names") {
        let kind = text(names, "kind").to_owned();
        if !kind.is_empty() {
            fill(names, "singular", kind.to_lowercase());
            fill(names, "listKind", format!("{kind}List"));
        }
    }
    map_mut(spec, "conversion");
    fill(&mut spec["conversion"], "strategy", "None");
    if let Some(service) = at_mut(spec, "conversion.webhook.clientConfig.service") {
        fill(service, "port", 443);
    }
}

/// Accepted names, conditions and stored versions come from the service, which knows the other definitions; without it only the first stored
/// version is noted.
fn prepare_create(definition: &mut Value, _: &WriteContext) {
    if custom::condition(definition, "NamesAccepted").is_some() {
        return;
    }
    remove(definition, "status");
    let stored = items(definition, "spec.versions").iter().find(|version| at(version, "storage") == &json!(true));
    if let Some(version) = stored.map(|version| text(version, "name").to_owned()) {
        set(definition, "status", json!({"storedVersions": [version]}));
    }
}

/// The instances go first: the finalizer holds the definition until they are gone.
fn prepare_delete(definition: &mut Value) {
    let mut finalizers: Vec<String> = meta::finalizers(definition).map(str::to_owned).collect();
    if !finalizers.iter().any(|name| name == CLEANUP) {
        finalizers.push(CLEANUP.to_owned());
    }
    meta::set_finalizers(definition, finalizers);
    let why = "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon";
    let now = meta::deletion_timestamp(definition).unwrap_or_default().to_owned();
    custom::set_condition(definition, custom::TERMINATING, ("True", "InstanceDeletionPending", why), &now);
}

//! CustomResourceDefinition: a kind defined at run time.

use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, Subresource, WriteContext};
use crate::meta;
use crate::tree::{at, at_mut, default as fill, items, map_mut, remove, set, text};
use serde_json::{Value, json};

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
    service: "",
    hooks: Hooks {
        default,
        prepare_create,
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

/// The stored versions begin with the one that objects are stored in.
fn prepare_create(definition: &mut Value, _: &WriteContext) {
    remove(definition, "status");
    let stored = items(definition, "spec.versions").iter().find(|version| at(version, "storage") == &json!(true));
    if let Some(version) = stored.map(|version| text(version, "name").to_owned()) {
        set(definition, "status", json!({"storedVersions": [version]}));
    }
}

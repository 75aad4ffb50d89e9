//! CustomResourceDefinition: a kind defined at run time.

use crate::kind::{Hooks, Kind, STANDARD_VERBS, Subresource};

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
    columns: &[],
    service: "",
    hooks: Hooks { has_status: true, has_generation: true, unconditional_update: false, ..Hooks::NONE },
};

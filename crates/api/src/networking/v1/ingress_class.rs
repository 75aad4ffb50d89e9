//! IngressClass: which controller serves an Ingress.

use crate::kind::{Hooks, Kind, STANDARD_VERBS};

pub static KIND: Kind = Kind {
    group: "networking.k8s.io",
    version: "v1",
    kind: "IngressClass",
    plural: "ingressclasses",
    singular: "ingressclass",
    short_names: &[],
    categories: &[],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "ingressclasses",
    storage_version: None,
    subresources: &[],
    columns: &[],
    service: "",
    hooks: Hooks { has_generation: true, ..Hooks::NONE },
};

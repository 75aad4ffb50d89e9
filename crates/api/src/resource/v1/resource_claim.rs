//! ResourceClaim: a request for devices.

use crate::kind::{Hooks, Kind, STANDARD_VERBS, Subresource};

pub static KIND: Kind = Kind {
    group: "resource.k8s.io",
    version: "v1",
    kind: "ResourceClaim",
    plural: "resourceclaims",
    singular: "resourceclaim",
    short_names: &[],
    categories: &[],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "resourceclaims",
    storage_version: None,
    subresources: &[Subresource::status("resource.k8s.io", "v1", "ResourceClaim")],
    columns: &[],
    service: "",
    hooks: Hooks { has_status: true, ..Hooks::NONE },
};

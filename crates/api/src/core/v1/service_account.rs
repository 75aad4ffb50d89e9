//! ServiceAccount: an identity for Pods.

use crate::kind::{Hooks, Kind, STANDARD_VERBS, Subresource, SubresourceRole};

pub static KIND: Kind = Kind {
    group: "",
    version: "v1",
    kind: "ServiceAccount",
    plural: "serviceaccounts",
    singular: "serviceaccount",
    short_names: &["sa"],
    categories: &[],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "serviceaccounts",
    storage_version: None,
    subresources: &[Subresource {
        name: "token",
        group: "authentication.k8s.io",
        version: "v1",
        kind: "TokenRequest",
        verbs: &["create"],
        role: SubresourceRole::Service,
    }],
    columns: &[],
    service: "",
    hooks: Hooks::NONE,
};

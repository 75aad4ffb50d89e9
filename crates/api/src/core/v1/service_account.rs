//! ServiceAccount: an identity for Pods.

use crate::kind::{Hooks, Kind, STANDARD_VERBS, Subresource, SubresourceRole};
use crate::tree::{items_mut, text};
use serde_json::{Value, json};

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
    hooks: Hooks {
        prepare_create: |account, _| only_names(account),
        prepare_update: |account, _, _| only_names(account),
        ..Hooks::NONE
    },
};

/// References to secrets are by name alone.
fn only_names(account: &mut Value) {
    for reference in items_mut(account, "secrets") {
        let name = text(reference, "name");
        *reference = if name.is_empty() { json!({}) } else { json!({ "name": name }) };
    }
}

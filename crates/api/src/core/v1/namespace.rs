//! Namespace: a scope for names.

use crate::kind::{Hooks, Kind, NameRule, Subresource, SubresourceRole};

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
    columns: &[],
    service: "",
    hooks: Hooks { has_status: true, name_rule: NameRule::DnsLabel, ..Hooks::NONE },
};

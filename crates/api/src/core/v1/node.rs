//! Node: a machine that runs Pods.

use crate::kind::{Hooks, Kind, STANDARD_VERBS, Subresource, SubresourceRole};

pub static KIND: Kind = Kind {
    group: "",
    version: "v1",
    kind: "Node",
    plural: "nodes",
    singular: "node",
    short_names: &["no"],
    categories: &[],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "minions",
    storage_version: None,
    subresources: &[
        Subresource {
            name: "proxy",
            group: "",
            version: "v1",
            kind: "NodeProxyOptions",
            verbs: &["create", "delete", "get", "patch", "update"],
            role: SubresourceRole::Service,
        },
        Subresource::status("", "v1", "Node"),
    ],
    columns: &[],
    service: "",
    hooks: Hooks { has_status: true, ..Hooks::NONE },
};

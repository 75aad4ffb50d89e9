//! Service: one address for a set of Pods. Addresses and node ports are given by the API server's service of the same name.

use crate::kind::{Hooks, Kind, NameRule, STANDARD_VERBS, Subresource, SubresourceRole};

pub static KIND: Kind = Kind {
    group: "",
    version: "v1",
    kind: "Service",
    plural: "services",
    singular: "service",
    short_names: &["svc"],
    categories: &["all"],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "services/specs",
    storage_version: None,
    subresources: &[
        Subresource {
            name: "proxy",
            group: "",
            version: "v1",
            kind: "ServiceProxyOptions",
            verbs: &["create", "delete", "get", "patch", "update"],
            role: SubresourceRole::Service,
        },
        Subresource::status("", "v1", "Service"),
    ],
    columns: &[],
    service: "services",
    hooks: Hooks { has_status: true, create_on_update: true, name_rule: NameRule::DnsLabel, ..Hooks::NONE },
};

//! IPAddress: a Service address in use.

use crate::kind::{Hooks, Kind, NameRule, STANDARD_VERBS};

pub static KIND: Kind = Kind {
    group: "networking.k8s.io",
    version: "v1",
    kind: "IPAddress",
    plural: "ipaddresses",
    singular: "ipaddress",
    short_names: &["ip"],
    categories: &[],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "ipaddresses",
    storage_version: None,
    subresources: &[],
    columns: &[],
    service: "",
    hooks: Hooks { name_rule: NameRule::PathSegment, ..Hooks::NONE },
};

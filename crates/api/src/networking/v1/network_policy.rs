//! NetworkPolicy: which traffic Pods may receive and send.

use crate::kind::{Hooks, Kind, STANDARD_VERBS};

pub static KIND: Kind = Kind {
    group: "networking.k8s.io",
    version: "v1",
    kind: "NetworkPolicy",
    plural: "networkpolicies",
    singular: "networkpolicy",
    short_names: &["netpol"],
    categories: &[],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "networkpolicies",
    storage_version: None,
    subresources: &[],
    columns: &[],
    service: "",
    hooks: Hooks { has_generation: true, ..Hooks::NONE },
};

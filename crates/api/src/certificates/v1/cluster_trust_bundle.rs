//! ClusterTrustBundle: trust anchors for workloads.

use crate::kind::{Hooks, Kind, NameRule, STANDARD_VERBS};

pub static KIND: Kind = Kind {
    group: "certificates.k8s.io",
    version: "v1",
    kind: "ClusterTrustBundle",
    plural: "clustertrustbundles",
    singular: "clustertrustbundle",
    short_names: &[],
    categories: &[],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "clustertrustbundles",
    storage_version: None,
    subresources: &[],
    columns: &[],
    service: "",
    hooks: Hooks { unconditional_update: false, name_rule: NameRule::PathSegment, ..Hooks::NONE },
};

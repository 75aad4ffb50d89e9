//! ClusterRole: a set of permissions, cluster-wide or for binding in namespaces.

use crate::kind::{Hooks, Kind, NameRule, STANDARD_VERBS};

pub static KIND: Kind = Kind {
    group: "rbac.authorization.k8s.io",
    version: "v1",
    kind: "ClusterRole",
    plural: "clusterroles",
    singular: "clusterrole",
    short_names: &[],
    categories: &[],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "clusterroles",
    storage_version: None,
    subresources: &[],
    columns: &[],
    service: "",
    hooks: Hooks { create_on_update: true, name_rule: NameRule::PathSegment, ..Hooks::NONE },
};

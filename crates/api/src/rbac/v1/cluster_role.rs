//! ClusterRole: a set of permissions, cluster-wide or for binding in namespaces.

use crate::kind::{Column, Hooks, Kind, NameRule, STANDARD_VERBS};
use crate::meta;

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
    columns: &[Column::string("Created At", "When the role was created.", |role, _| {
        meta::creation_timestamp(role).into()
    })],
    service: "",
    hooks: Hooks { age_column: false, create_on_update: true, name_rule: NameRule::PathSegment, ..Hooks::NONE },
};

//! Event in the events.k8s.io group's shape; stored as a core Event.

use crate::kind::{Hooks, Kind, NameRule, STANDARD_VERBS};

pub static KIND: Kind = Kind {
    group: "events.k8s.io",
    version: "v1",
    kind: "Event",
    plural: "events",
    singular: "event",
    short_names: &["ev"],
    categories: &[],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "events",
    storage_version: Some(("", "v1")),
    subresources: &[],
    columns: &[],
    service: "",
    hooks: Hooks { create_on_update: true, name_rule: NameRule::PathSegment, ttl_seconds: Some(3600), ..Hooks::NONE },
};

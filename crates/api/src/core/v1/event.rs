//! Event: something that happened to an object, in the core group's shape; also how events.k8s.io is stored.

use crate::kind::{Hooks, Kind, NameRule, STANDARD_VERBS};

pub static KIND: Kind = Kind {
    group: "",
    version: "v1",
    kind: "Event",
    plural: "events",
    singular: "event",
    short_names: &["ev"],
    categories: &[],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "events",
    storage_version: None,
    subresources: &[],
    columns: &[],
    service: "",
    hooks: Hooks { create_on_update: true, name_rule: NameRule::PathSegment, ttl_seconds: Some(3600), ..Hooks::NONE },
};

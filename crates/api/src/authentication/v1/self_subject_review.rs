//! SelfSubjectReview: who the caller is. Virtual.

use crate::kind::{Hooks, Kind};

pub static KIND: Kind = Kind {
    group: "authentication.k8s.io",
    version: "v1",
    kind: "SelfSubjectReview",
    plural: "selfsubjectreviews",
    singular: "selfsubjectreview",
    short_names: &[],
    categories: &[],
    namespaced: false,
    verbs: &["create"],
    storage: "",
    storage_version: None,
    subresources: &[],
    columns: &[],
    service: "selfsubjectreviews",
    hooks: Hooks::NONE,
};

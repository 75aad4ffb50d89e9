//! SelfSubjectRulesReview: what the caller may do in a namespace. Virtual.

use crate::kind::{Hooks, Kind};

pub static KIND: Kind = Kind {
    group: "authorization.k8s.io",
    version: "v1",
    kind: "SelfSubjectRulesReview",
    plural: "selfsubjectrulesreviews",
    singular: "selfsubjectrulesreview",
    short_names: &[],
    categories: &[],
    namespaced: false,
    verbs: &["create"],
    storage: "",
    storage_version: None,
    subresources: &[],
    columns: &[],
    service: "selfsubjectrulesreviews",
    hooks: Hooks::NONE,
};

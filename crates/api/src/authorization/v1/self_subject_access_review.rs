//! SelfSubjectAccessReview: may the caller do something. Virtual.

use crate::kind::{Hooks, Kind};

pub static KIND: Kind = Kind {
    group: "authorization.k8s.io",
    version: "v1",
    kind: "SelfSubjectAccessReview",
    plural: "selfsubjectaccessreviews",
    singular: "selfsubjectaccessreview",
    short_names: &[],
    categories: &[],
    namespaced: false,
    verbs: &["create"],
    storage: "",
    storage_version: None,
    subresources: &[],
    columns: &[],
    service: "selfsubjectaccessreviews",
    hooks: Hooks::NONE,
};

//! LocalSubjectAccessReview: may somebody do something in this namespace. Virtual.

use crate::kind::{Hooks, Kind};

pub static KIND: Kind = Kind {
    group: "authorization.k8s.io",
    version: "v1",
    kind: "LocalSubjectAccessReview",
    plural: "localsubjectaccessreviews",
    singular: "localsubjectaccessreview",
    short_names: &[],
    categories: &[],
    namespaced: true,
    verbs: &["create"],
    storage: "",
    storage_version: None,
    subresources: &[],
    columns: &[],
    service: "localsubjectaccessreviews",
    hooks: Hooks::NONE,
};

//! TokenReview: whom a token belongs to. Virtual.

use crate::kind::{Hooks, Kind};

pub static KIND: Kind = Kind {
    group: "authentication.k8s.io",
    version: "v1",
    kind: "TokenReview",
    plural: "tokenreviews",
    singular: "tokenreview",
    short_names: &[],
    categories: &[],
    namespaced: false,
    verbs: &["create"],
    storage: "",
    storage_version: None,
    subresources: &[],
    columns: &[],
    service: "tokenreviews",
    hooks: Hooks::NONE,
};

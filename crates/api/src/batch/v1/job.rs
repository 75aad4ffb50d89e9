//! Job: Pods that run to completion.

use crate::kind::{Hooks, Kind, STANDARD_VERBS, Subresource};

pub static KIND: Kind = Kind {
    group: "batch",
    version: "v1",
    kind: "Job",
    plural: "jobs",
    singular: "job",
    short_names: &[],
    categories: &["all"],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "jobs",
    storage_version: None,
    subresources: &[Subresource::status("batch", "v1", "Job")],
    columns: &[],
    service: "",
    hooks: Hooks { has_status: true, has_generation: true, orphan_by_default: true, ..Hooks::NONE },
};

//! ResourceQuota: limits on what a namespace may use in all.

use crate::kind::{Hooks, Kind, STANDARD_VERBS, Subresource};

pub static KIND: Kind = Kind {
    group: "",
    version: "v1",
    kind: "ResourceQuota",
    plural: "resourcequotas",
    singular: "resourcequota",
    short_names: &["quota"],
    categories: &[],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "resourcequotas",
    storage_version: None,
    subresources: &[Subresource::status("", "v1", "ResourceQuota")],
    columns: &[],
    service: "",
    hooks: Hooks { has_status: true, ..Hooks::NONE },
};

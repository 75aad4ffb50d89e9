//! PodDisruptionBudget: how many Pods must stay during voluntary disruptions.

use crate::kind::{Hooks, Kind, STANDARD_VERBS, Subresource};

pub static KIND: Kind = Kind {
    group: "policy",
    version: "v1",
    kind: "PodDisruptionBudget",
    plural: "poddisruptionbudgets",
    singular: "poddisruptionbudget",
    short_names: &["pdb"],
    categories: &[],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "poddisruptionbudgets",
    storage_version: None,
    subresources: &[Subresource::status("policy", "v1", "PodDisruptionBudget")],
    columns: &[],
    service: "",
    hooks: Hooks { has_status: true, has_generation: true, unconditional_update: false, ..Hooks::NONE },
};

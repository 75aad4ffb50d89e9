//! ServiceCIDR: a range that Service addresses are taken from.

use crate::kind::{Hooks, Kind, STANDARD_VERBS, Subresource};

pub static KIND: Kind = Kind {
    group: "networking.k8s.io",
    version: "v1",
    kind: "ServiceCIDR",
    plural: "servicecidrs",
    singular: "servicecidr",
    short_names: &[],
    categories: &[],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "servicecidrs",
    storage_version: None,
    subresources: &[Subresource::status("networking.k8s.io", "v1", "ServiceCIDR")],
    columns: &[],
    service: "",
    hooks: Hooks { has_status: true, ..Hooks::NONE },
};

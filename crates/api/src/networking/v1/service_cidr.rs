//! ServiceCIDR: a range that Service addresses are taken from.

use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, Subresource};
use crate::printer::joined;
use crate::strategy::drop_status;

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
    columns: &[Column::string("CIDRs", "The ranges addresses are taken from.", |range, _| {
        joined(range, "spec.cidrs").into()
    })],
    service: "",
    hooks: Hooks { prepare_create: drop_status, has_status: true, ..Hooks::NONE },
};

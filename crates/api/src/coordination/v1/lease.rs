//! Lease: a lock or heartbeat that is renewed.

use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS};
use crate::tree::text;

pub static KIND: Kind = Kind {
    group: "coordination.k8s.io",
    version: "v1",
    kind: "Lease",
    plural: "leases",
    singular: "lease",
    short_names: &[],
    categories: &[],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "leases",
    storage_version: None,
    subresources: &[],
    columns: &[Column::string("Holder", "The identity of the holder of a current lease.", |lease, _| {
        text(lease, "spec.holderIdentity").into()
    })],
    service: "",
    hooks: Hooks { create_on_update: true, unconditional_update: false, ..Hooks::NONE },
};

//! Lease: a lock or heartbeat that is renewed.

use serde_json::Value;

use crate::field_error::FieldError;
use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, WriteContext};
use crate::{field, tree::text};

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
    hooks: Hooks { validate, create_on_update: true, unconditional_update: false, ..Hooks::NONE },
};

fn validate(lease: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(lease, |lease| {
        let spec = lease.get("spec");
        let duration = spec.get("leaseDurationSeconds");
        if duration.int().is_some_and(|seconds| seconds <= 0) {
            duration.invalid("must be greater than 0");
        }
        spec.get("leaseTransitions").not_negative();
    })
}

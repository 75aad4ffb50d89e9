//! ResourceClaim: a request for devices.

use super::requests;
use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, Subresource};
use crate::printer::terminating;
use crate::strategy::drop_status;
use crate::tree::{at, at_mut, items};
use serde_json::Value;

pub static KIND: Kind = Kind {
    group: "resource.k8s.io",
    version: "v1",
    kind: "ResourceClaim",
    plural: "resourceclaims",
    singular: "resourceclaim",
    short_names: &[],
    categories: &[],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "resourceclaims",
    storage_version: None,
    subresources: &[Subresource::status("resource.k8s.io", "v1", "ResourceClaim")],
    columns: &[Column::string(
        "State",
        "A summary of the current state (allocated, pending, reserved, etc.).",
        |claim, _| state(claim).into(),
    )],
    service: "",
    hooks: Hooks { default, prepare_create: drop_status, has_status: true, ..Hooks::NONE },
};

fn state(claim: &Value) -> String {
    let allocated = !at(claim, "status.allocation").is_null();
    let states = [
        (terminating(claim), "deleted"),
        (!allocated && !terminating(claim), "pending"),
        (allocated, "allocated"),
        (allocated && !items(claim, "status.reservedFor").is_empty(), "reserved"),
    ];
    states.iter().filter(|(holds, _)| *holds).map(|(_, state)| *state).collect::<Vec<_>>().join(",")
}

fn default(claim: &mut Value) {
    if let Some(spec) = at_mut(claim, "spec") {
        requests::default_spec(spec);
    }
}

//! MutatingAdmissionPolicy: changes to requests, written in CEL.

use super::matching;
use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS};
use crate::tree::{at_mut, default as fill, items};
use serde_json::Value;

pub static KIND: Kind = Kind {
    group: "admissionregistration.k8s.io",
    version: "v1",
    kind: "MutatingAdmissionPolicy",
    plural: "mutatingadmissionpolicies",
    singular: "mutatingadmissionpolicy",
    short_names: &[],
    categories: &["api-extensions"],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "mutatingadmissionpolicies",
    storage_version: None,
    subresources: &[],
    columns: &[
        Column::integer(
            "Mutations",
            "Mutation indicates the number of mutations rules defined in this configuration",
            |policy, _| items(policy, "spec.mutations").len().into(),
        ),
        Column::string(
            "ParamKind",
            "ParamKind specifies the kind of resources used to parameterize this policy",
            |policy, _| matching::param_kind(policy),
        ),
    ],
    service: "",
    hooks: Hooks { default, has_generation: true, unconditional_update: false, ..Hooks::NONE },
};

fn default(policy: &mut Value) {
    let Some(spec) = at_mut(policy, "spec") else { return };
    fill(spec, "failurePolicy", "Fail");
    if let Some(constraints) = at_mut(spec, "matchConstraints") {
        matching::default_resources(constraints);
    }
}

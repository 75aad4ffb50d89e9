//! ValidatingAdmissionPolicy: checks of requests, written in CEL.

use super::{matching, validations};
use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS, Subresource};
use crate::strategy::drop_status;
use crate::tree::{at_mut, default as fill, items};
use serde_json::Value;

pub static KIND: Kind = Kind {
    group: "admissionregistration.k8s.io",
    version: "v1",
    kind: "ValidatingAdmissionPolicy",
    plural: "validatingadmissionpolicies",
    singular: "validatingadmissionpolicy",
    short_names: &[],
    categories: &["api-extensions"],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "validatingadmissionpolicies",
    storage_version: None,
    subresources: &[Subresource::status("admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicy")],
    columns: &[
        Column::integer(
            "Validations",
            "Validations indicates the number of validation rules defined in this configuration",
            |policy, _| items(policy, "spec.validations").len().into(),
        ),
        Column::string(
            "ParamKind",
            "ParamKind specifies the kind of resources used to parameterize this policy",
            |policy, _| matching::param_kind(policy),
        ),
    ],
    service: "",
    hooks: Hooks {
        default,
        prepare_create: drop_status,
        validate_create: |policy, _| validations::validate_create(policy),
        validate_update: |policy, old, context| match context.subresource {
            "status" => validations::validate_status(policy),
            _ => validations::validate_update(policy, old),
        },
        has_status: true,
        has_generation: true,
        unconditional_update: false,
        ..Hooks::NONE
    },
};

fn default(policy: &mut Value) {
    let Some(spec) = at_mut(policy, "spec") else { return };
    fill(spec, "failurePolicy", "Fail");
    if let Some(constraints) = at_mut(spec, "matchConstraints") {
        matching::default_resources(constraints);
    }
}

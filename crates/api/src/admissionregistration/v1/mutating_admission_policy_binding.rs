//! MutatingAdmissionPolicyBinding: where a MutatingAdmissionPolicy applies.

use super::{matching, policies};
use crate::field;
use crate::field_error::FieldError;
use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS};
use crate::tree::{at_mut, text};
use serde_json::Value;

pub static KIND: Kind = Kind {
    group: "admissionregistration.k8s.io",
    version: "v1",
    kind: "MutatingAdmissionPolicyBinding",
    plural: "mutatingadmissionpolicybindings",
    singular: "mutatingadmissionpolicybinding",
    short_names: &[],
    categories: &["api-extensions"],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "mutatingadmissionpolicybindings",
    storage_version: None,
    subresources: &[],
    columns: &[
        Column::string(
            "PolicyName",
            "PolicyName indicates the policy definition which the policy binding binded to",
            |binding, _| text(binding, "spec.policyName").into(),
        ),
        Column::string(
            "ParamRef",
            "ParamRef indicates the param resource which sets the configuration param",
            |binding, _| matching::param_ref(binding),
        ),
    ],
    service: "",
    hooks: Hooks {
        default,
        validate: |binding, _| validate(binding),
        has_generation: true,
        unconditional_update: false,
        ..Hooks::NONE
    },
};

fn default(binding: &mut Value) {
    if let Some(resources) = at_mut(binding, "spec.matchResources") {
        matching::default_resources(resources);
    }
}

fn validate(binding: &Value) -> Vec<FieldError> {
    field::validate(binding, |binding| {
        let spec = binding.get("spec");
        policies::check_binding(&spec);
        policies::mutating_operations(&spec.get("matchResources"));
    })
}

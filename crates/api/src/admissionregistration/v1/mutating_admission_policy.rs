//! MutatingAdmissionPolicy: changes to requests, written in CEL.

use super::expressions::compiles;
use super::{matching, policies};
use crate::admissionregistration::expressions::{Composition, Names, configuration_type, patch_type};
use crate::field::{self, Field};
use crate::field_error::FieldError;
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
    hooks: Hooks {
        default,
        validate_create: |policy, _| validate(policy, true),
        validate_update: |policy, old, _| validate(policy, policies::conditions_changed(policy, old)),
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

fn validate(policy: &Value, conditions: bool) -> Vec<FieldError> {
    field::validate(policy, |policy| {
        let spec = policy.get("spec");
        policies::check(&spec, conditions);
        policies::mutating_operations(&spec.get("matchConstraints"));
        let names = policies::names_of(&spec);
        let composition = policies::variables(&spec.get("variables"), names);
        let mutations = spec.get("mutations");
        if mutations.len() == 0 {
            mutations.required("mutations must contain at least one item");
        }
        mutations.items().for_each(|mutation| check_mutation(&mutation, &composition, names));
        spec.get("reinvocationPolicy").require_one_of(&["IfNeeded", "Never"]);
    })
}

fn check_mutation(mutation: &Field, composition: &Composition, names: Names) {
    let patch_type_field = mutation.get("patchType");
    let kinds = [("JSONPatch", "jsonPatch"), ("ApplyConfiguration", "applyConfiguration")];
    let Some(at) = kinds.iter().position(|(name, _)| *name == patch_type_field.text()) else {
        return patch_type_field.require_one_of(&["ApplyConfiguration", "JSONPatch"]);
    };
    let ((name, wanted), (_, other)) = (kinds[at], kinds[1 - at]);
    let (wanted, other_field) = (mutation.get(wanted), mutation.get(other));
    if wanted.is_set() {
        let result = if at == 0 { patch_type() } else { configuration_type() };
        let expression = wanted.get("expression");
        match expression.text().trim() {
            "" => expression.required(""),
            text => {
                compiles(&expression, text, composition.compile(text, Names { patches: true, ..names }, &[result]));
            }
        }
    } else {
        wanted.required(&format!("must be specified when patchType is {name}"));
    }
    if other_field.is_set() {
        let shown = format!("{{{other}}}");
        other_field.invalid_value(&shown.into(), &format!("must not be specified when patchType is {name}"));
    }
}

//! ClusterRoleBinding: gives a ClusterRole to subjects everywhere.

use super::{rules, subjects};
use serde_json::Value;

use crate::field;
use crate::field_error::FieldError;
use crate::kind::{Column, Hooks, Kind, NameRule, STANDARD_VERBS, WriteContext};

pub static KIND: Kind = Kind {
    group: "rbac.authorization.k8s.io",
    version: "v1",
    kind: "ClusterRoleBinding",
    plural: "clusterrolebindings",
    singular: "clusterrolebinding",
    short_names: &[],
    categories: &[],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "clusterrolebindings",
    storage_version: None,
    subresources: &[],
    columns: &[
        Column::string("Role", "The role that is given.", |binding, _| subjects::role(binding)),
        Column::string("Users", "Users in the roleBinding", |binding, _| subjects::of_kind(binding, "User")).wide(),
        Column::string("Groups", "Groups in the roleBinding", |binding, _| subjects::of_kind(binding, "Group")).wide(),
        Column::string("ServiceAccounts", "ServiceAccounts in the roleBinding", |binding, _| {
            subjects::of_kind(binding, "ServiceAccount")
        })
        .wide(),
    ],
    service: "",
    hooks: Hooks {
        validate,
        validate_update,

        default: subjects::default,
        create_on_update: true,
        name_rule: NameRule::PathSegment,
        ..Hooks::NONE
    },
};

fn validate(binding: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(binding, |binding| {
        rules::binding(binding, false);
    })
}

fn validate_update(new: &Value, old: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(new, |binding| {
        rules::binding_update(binding, old);
    })
}

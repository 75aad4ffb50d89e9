//! Role: a set of permissions within a namespace.

use serde_json::Value;

use super::rules;
use crate::field_error::FieldError;
use crate::kind::{Column, Hooks, Kind, NameRule, STANDARD_VERBS, WriteContext};
use crate::{field, meta};

pub static KIND: Kind = Kind {
    group: "rbac.authorization.k8s.io",
    version: "v1",
    kind: "Role",
    plural: "roles",
    singular: "role",
    short_names: &[],
    categories: &[],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "roles",
    storage_version: None,
    subresources: &[],
    columns: &[Column::string("Created At", "When the role was created.", |role, _| {
        meta::creation_timestamp(role).into()
    })],
    service: "",
    hooks: Hooks {
        validate,
        age_column: false,
        create_on_update: true,
        name_rule: NameRule::PathSegment,
        ..Hooks::NONE
    },
};

fn validate(role: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(role, |role| {
        role.get("rules").items().for_each(|rule| rules::rule(&rule, true));
    })
}

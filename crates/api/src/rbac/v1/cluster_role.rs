//! ClusterRole: a set of permissions, cluster-wide or for binding in namespaces.

use serde_json::Value;

use super::rules;
use crate::field_error::FieldError;
use crate::kind::{Column, Hooks, Kind, NameRule, STANDARD_VERBS, WriteContext};
use crate::selector_rules::label_selector;
use crate::{field, meta};

pub static KIND: Kind = Kind {
    group: "rbac.authorization.k8s.io",
    version: "v1",
    kind: "ClusterRole",
    plural: "clusterroles",
    singular: "clusterrole",
    short_names: &[],
    categories: &[],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "clusterroles",
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
        role.get("rules").items().for_each(|rule| rules::rule(&rule, false));
        let aggregation = role.get("aggregationRule");
        let selectors = aggregation.get("clusterRoleSelectors");
        if aggregation.is_set() && selectors.len() == 0 {
            selectors.required("at least one clusterRoleSelector required if aggregationRule is non-nil");
        }
        selectors.items().for_each(|selector| label_selector(&selector));
    })
}

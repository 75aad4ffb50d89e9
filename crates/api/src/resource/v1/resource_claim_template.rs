//! ResourceClaimTemplate: from which ResourceClaims are made for Pods.

use super::requests;
use crate::kind::{Hooks, Kind, STANDARD_VERBS};
use crate::tree::at_mut;
use serde_json::Value;

pub static KIND: Kind = Kind {
    group: "resource.k8s.io",
    version: "v1",
    kind: "ResourceClaimTemplate",
    plural: "resourceclaimtemplates",
    singular: "resourceclaimtemplate",
    short_names: &[],
    categories: &[],
    namespaced: true,
    verbs: STANDARD_VERBS,
    storage: "resourceclaimtemplates",
    storage_version: None,
    subresources: &[],
    columns: &[],
    service: "",
    hooks: Hooks { default, ..Hooks::NONE },
};

fn default(template: &mut Value) {
    if let Some(spec) = at_mut(template, "spec.spec") {
        requests::default_spec(spec);
    }
}

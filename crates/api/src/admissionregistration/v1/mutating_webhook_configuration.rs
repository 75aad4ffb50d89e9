//! MutatingWebhookConfiguration: webhooks that may change requests.

use super::{matching, webhooks};
use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS};
use crate::tree::{default as fill, items, items_mut};
use serde_json::Value;

pub static KIND: Kind = Kind {
    group: "admissionregistration.k8s.io",
    version: "v1",
    kind: "MutatingWebhookConfiguration",
    plural: "mutatingwebhookconfigurations",
    singular: "mutatingwebhookconfiguration",
    short_names: &[],
    categories: &["api-extensions"],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "mutatingwebhookconfigurations",
    storage_version: None,
    subresources: &[],
    columns: &[Column::integer(
        "Webhooks",
        "Webhooks indicates the number of webhooks defined in this configuration",
        |configuration, _| items(configuration, "webhooks").len().into(),
    )],
    service: "",
    hooks: Hooks {
        default,
        validate_create: |configuration, _| webhooks::validate_create(configuration),
        validate_update: |configuration, old, _| webhooks::validate_update(configuration, old),
        has_generation: true,
        unconditional_update: false,
        ..Hooks::NONE
    },
};

fn default(configuration: &mut Value) {
    for webhook in items_mut(configuration, "webhooks") {
        matching::default_webhook(webhook);
        fill(webhook, "reinvocationPolicy", "Never");
    }
}

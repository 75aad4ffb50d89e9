//! ValidatingWebhookConfiguration: webhooks that may refuse requests.

use super::{matching, webhooks};
use crate::kind::{Column, Hooks, Kind, STANDARD_VERBS};
use crate::tree::{items, items_mut};

pub static KIND: Kind = Kind {
    group: "admissionregistration.k8s.io",
    version: "v1",
    kind: "ValidatingWebhookConfiguration",
    plural: "validatingwebhookconfigurations",
    singular: "validatingwebhookconfiguration",
    short_names: &[],
    categories: &["api-extensions"],
    namespaced: false,
    verbs: STANDARD_VERBS,
    storage: "validatingwebhookconfigurations",
    storage_version: None,
    subresources: &[],
    columns: &[Column::integer(
        "Webhooks",
        "Webhooks indicates the number of webhooks defined in this configuration",
        |configuration, _| items(configuration, "webhooks").len().into(),
    )],
    service: "",
    hooks: Hooks {
        default: |configuration| items_mut(configuration, "webhooks").for_each(matching::default_webhook),
        validate_create: |configuration, _| webhooks::validate_create(configuration),
        validate_update: |configuration, old, _| webhooks::validate_update(configuration, old),
        has_generation: true,
        unconditional_update: false,
        ..Hooks::NONE
    },
};

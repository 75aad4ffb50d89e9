//! Defaults that webhooks and admission policies share: what they match.

use serde_json::{Value, json};

use crate::printer::UNSET;
use crate::tree::{at, default as fill, items_mut, text};

/// Match policy, selectors and rules of a webhook or of a policy's match constraints.
pub(super) fn default(matching: &mut Value, rules: &str) {
    fill(matching, "matchPolicy", "Equivalent");
    fill(matching, "namespaceSelector", json!({}));
    fill(matching, "objectSelector", json!({}));
    items_mut(matching, rules).for_each(|rule| fill(rule, "scope", "*"));
}

/// Defaults of `spec.matchConstraints` or `spec.matchResources`.
pub(super) fn default_resources(matching: &mut Value) {
    default(matching, "resourceRules");
    items_mut(matching, "excludeResourceRules").for_each(|rule| fill(rule, "scope", "*"));
}

/// Defaults of one webhook.
pub(super) fn default_webhook(webhook: &mut Value) {
    fill(webhook, "failurePolicy", "Fail");
    fill(webhook, "timeoutSeconds", 10);
    default(webhook, "rules");
    if let Some(service) = crate::tree::at_mut(webhook, "clientConfig.service") {
        fill(service, "port", 443);
    }
}

/// `v1/ConfigMap`: the kind of a policy's parameters.
pub(super) fn param_kind(policy: &Value) -> Value {
    let kind = at(policy, "spec.paramKind");
    if kind.is_null() { UNSET.into() } else { format!("{}/{}", text(kind, "apiVersion"), text(kind, "kind")).into() }
}

/// Which parameters a binding names.
pub(super) fn param_ref(binding: &Value) -> Value {
    let reference = at(binding, "spec.paramRef");
    match (text(reference, "namespace"), text(reference, "name")) {
        (_, "") => match at(reference, "selector") {
            Value::Null => UNSET.into(),
            selector => selector.to_string().into(),
        },
        ("", name) => format!("*/{name}").into(),
        (namespace, name) => format!("{namespace}/{name}").into(),
    }
}

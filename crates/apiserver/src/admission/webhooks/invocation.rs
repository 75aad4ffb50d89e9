//! Whether a webhook is called for a request, in which version of the resource, and the objects as it sees them.

use api::kind::{Kind, Subresource};
use serde_json::Value;

use super::configuration::Webhook;
use super::rule::Asked;
use crate::admit::{AdmissionRequest, Operation};
use crate::kinds::Kinds;
use crate::objects::Objects;
use crate::registry;
use crate::rows::row;
use crate::status::Status;
use crate::view;

/// Kinds that decide about requests: no webhook may lock them.
const CONFIGURATIONS: [&str; 6] = [
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "MutatingWebhookConfiguration",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
];

/// Whether a request is kept from all webhooks: configurations of admission, and reviews, without which a cluster cannot be entered.
pub(super) fn exempt(request: &AdmissionRequest<'_>) -> bool {
    match request.kind.group {
        "admissionregistration.k8s.io" => CONFIGURATIONS.contains(&request.kind.kind),
        "authentication.k8s.io" | "authorization.k8s.io" => request.kind.kind.ends_with("Review"),
        _ => false,
    }
}

fn is_namespace(kind: &Kind) -> bool {
    kind.group.is_empty() && kind.plural == "namespaces"
}

/// The request's namespace; that of a Namespace is itself.
pub(super) fn namespace<'a>(request: &'a AdmissionRequest<'_>) -> &'a str {
    if is_namespace(request.kind) { request.name } else { request.namespace }
}

pub(super) fn subresource(request: &AdmissionRequest<'_>) -> Option<&'static Subresource> {
    request.kind.subresources.iter().find(|subresource| subresource.name == request.subresource)
}

/// The row in whose version the webhook wants the request; `None`: it is not called.
pub(super) fn wanted(
    webhook: &Webhook,
    request: &AdmissionRequest<'_>,
    kinds: &Kinds,
    objects: &Objects,
) -> Result<Option<&'static Kind>, Status> {
    let in_namespace = in_selected_namespace(webhook, request, objects);
    if matches!(in_namespace, Ok(false)) || !selected(webhook, request) {
        return Ok(None);
    }
    let found = matching_row(webhook, request, kinds);
    // A missing namespace is an error only to those whose rules are about the request.
    if found.is_some() { in_namespace.map(|_| found) } else { Ok(None) }
}

fn matching_row(webhook: &Webhook, request: &AdmissionRequest<'_>, kinds: &Kinds) -> Option<&'static Kind> {
    let asked = |kind: &'static Kind| Asked {
        operation: request.operation.as_str(),
        group: kind.group,
        version: kind.version,
        resource: kind.plural,
        subresource: request.subresource,
        namespaced: !request.namespace.is_empty() && !is_namespace(kind),
    };
    let own = request.kind;
    if webhook.rules.iter().any(|rule| rule.matches(&asked(own))) {
        return Some(own);
    }
    if !webhook.equivalent || own.storage.is_empty() {
        return None;
    }
    let has_place = |kind: &Kind| {
        request.subresource.is_empty() || kind.subresources.iter().any(|sub| sub.name == request.subresource)
    };
    let others = || {
        let same = kinds.all().iter().copied().filter(|kind| kind.storage == own.storage && has_place(kind));
        same.filter(|kind| (kind.group, kind.version) != (own.group, own.version))
    };
    webhook.rules.iter().find_map(|rule| others().find(|kind| rule.matches(&asked(kind))))
}

/// Objects outside namespaces, Namespaces excepted, are in every webhook's reach.
fn in_selected_namespace(webhook: &Webhook, request: &AdmissionRequest<'_>, objects: &Objects) -> Result<bool, Status> {
    let name = namespace(request);
    let of_namespace = is_namespace(request.kind);
    if webhook.namespace_selector.is_everything() || (name.is_empty() && !of_namespace) {
        return Ok(true);
    }
    let writes = matches!(request.operation, Operation::Create | Operation::Update);
    if of_namespace && request.subresource.is_empty() && writes {
        return Ok(webhook.namespace_selector.matches(request.object["metadata"]["labels"].as_object()));
    }
    let namespaces = row("", "v1", "namespaces");
    match objects.item(namespaces, "", name) {
        Some(item) => Ok(webhook.namespace_selector.matches_with(|key| item.meta.labels.get(key).map(String::as_str))),
        None => Err(Status::not_found(namespaces, name)),
    }
}

/// The old state or the new one has the labels.
fn selected(webhook: &Webhook, request: &AdmissionRequest<'_>) -> bool {
    let selector = &webhook.object_selector;
    let has = |object: &Value| object.is_object() && selector.matches(object["metadata"]["labels"].as_object());
    selector.is_everything() || has(request.object) || request.old.is_some_and(has)
}

/// An object of the request as the webhook sees it: in the version of `row`; a write of a Scale as a Scale.
pub(super) fn shown(
    request: &AdmissionRequest<'_>,
    row: &'static Kind,
    kinds: &Kinds,
    object: &Value,
) -> Result<Value, Status> {
    let subresource = subresource(request);
    if object.is_null() || subresource.is_some_and(registry::has_own_body) {
        return Ok(object.clone());
    }
    match subresource.and_then(|subresource| registry::scale_shown(subresource, object)) {
        Some(scale) => scale,
        None => Ok(converted(request.kind, row, kinds, object.clone())),
    }
}

/// The request's object from what a webhook made of the one it saw.
pub(super) fn taken_back(
    request: &AdmissionRequest<'_>,
    row: &'static Kind,
    kinds: &Kinds,
    patched: Value,
) -> Result<Value, Status> {
    let subresource = subresource(request);
    let mut object = match subresource.and_then(|sub| registry::scale_taken(sub, request.object, &patched)) {
        Some(object) => object,
        None if subresource.is_some_and(registry::has_own_body) => patched,
        None => {
            let mut patched = patched;
            let is_own = row.version == request.kind.version && row.group == request.kind.group;
            let schema = if is_own { request.schema } else { api::schema::of(row.group, row.version, row.kind) };
            registry::reshape(row, schema, subresource, &mut patched)?;
            converted(row, request.kind, kinds, patched)
        }
    };
    registry::reshape(request.kind, request.schema, subresource, &mut object)?;
    Ok(object)
}

fn converted(from: &'static Kind, to: &'static Kind, kinds: &Kinds, object: Value) -> Value {
    if (from.group, from.version) == (to.group, to.version) {
        return object;
    }
    view::from_storage(to, view::to_storage(from, kinds.storage_row(from), object))
}

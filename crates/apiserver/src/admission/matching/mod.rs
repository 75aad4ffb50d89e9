//! Whether a webhook or a policy is about a request, and in which version of the resource it wants it (apiserver's
//! pkg/admission/plugin/webhook/generic and policy/matching).

mod convert;
mod rule;

use api::kind::{Kind, Subresource};
use api::selector::LabelSelector;
use serde_json::Value;

use crate::admit::{AdmissionRequest, Operation};
use crate::kinds::Kinds;
use crate::objects::Objects;
use crate::rows::row;
use crate::status::Status;

use convert::{is_same, versions};
pub(super) use convert::{schema_of, shown, taken_back};
pub(super) use rule::{Asked, Rule};

/// What a webhook, a policy or a binding is about.
#[derive(Debug)]
pub(super) struct Matching {
    rules: Vec<Rule>,
    excluded: Vec<Rule>,
    /// A binding without rules is about all that its policy is about.
    everything: bool,
    /// matchPolicy Equivalent: rules are also held against the resource's other versions.
    equivalent: bool,
    namespace_selector: LabelSelector,
    object_selector: LabelSelector,
}

/// Whether a request is kept from all webhooks: configurations of admission, and reviews, without which a cluster cannot be entered.
pub(super) fn exempt_from_webhooks(request: &AdmissionRequest<'_>) -> bool {
    exempt_from_policies(request)
        || configures(request, &["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"])
}

/// Whether a request is kept from all policies: policies themselves, and reviews.
pub(super) fn exempt_from_policies(request: &AdmissionRequest<'_>) -> bool {
    match request.kind.group {
        "authentication.k8s.io" | "authorization.k8s.io" => request.kind.kind.ends_with("Review"),
        _ => configures(request, &POLICIES),
    }
}

const POLICIES: [&str; 4] = [
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
];

/// Kinds that decide about requests: nothing of the kind may lock them.
fn configures(request: &AdmissionRequest<'_>, kinds: &[&str]) -> bool {
    request.kind.group == "admissionregistration.k8s.io" && kinds.contains(&request.kind.kind)
}

pub(super) fn is_namespace(kind: &Kind) -> bool {
    kind.group.is_empty() && kind.plural == "namespaces"
}

/// The request's namespace; that of a Namespace is itself.
pub(super) fn namespace<'a>(request: &'a AdmissionRequest<'_>) -> &'a str {
    if is_namespace(request.kind) { request.name } else { request.namespace }
}

pub(super) fn subresource(request: &AdmissionRequest<'_>) -> Option<&'static Subresource> {
    request.kind.subresources.iter().find(|subresource| subresource.name == request.subresource)
}

/// A selector that cannot be read was refused by validation; it selects nothing.
fn selector(selector: &Value) -> LabelSelector {
    match selector {
        Value::Null => LabelSelector::everything(),
        selector => LabelSelector::from_json(selector).unwrap_or_else(|_| LabelSelector::nothing()),
    }
}

fn rules(rules: &Value) -> Vec<Rule> {
    rules.as_array().into_iter().flatten().map(Rule::of).collect()
}

impl Matching {
    pub fn of_webhook(webhook: &Value) -> Self {
        Self { rules: rules(&webhook["rules"]), everything: false, ..Self::of(webhook) }
    }

    /// `matchConstraints` of a policy or `matchResources` of a binding.
    pub fn of(matching: &Value) -> Self {
        let given = rules(&matching["resourceRules"]);
        Self {
            everything: given.is_empty(),
            rules: given,
            excluded: rules(&matching["excludeResourceRules"]),
            equivalent: matching["matchPolicy"] != "Exact",
            namespace_selector: selector(&matching["namespaceSelector"]),
            object_selector: selector(&matching["objectSelector"]),
        }
    }

    /// The row in whose version the request is wanted; `None`: it is not.
    pub fn wanted(
        &self,
        request: &AdmissionRequest<'_>,
        kinds: &Kinds,
        objects: &Objects,
    ) -> Result<Option<&'static Kind>, Status> {
        let in_namespace = self.in_selected_namespace(request, objects);
        if matches!(in_namespace, Ok(false)) || !self.selected(request) {
            return Ok(None);
        }
        let found = self.matching_row(request, kinds);
        // A missing namespace is an error only to those whose rules are about the request.
        if found.is_some() { in_namespace.map(|_| found) } else { Ok(None) }
    }

    fn matching_row(&self, request: &AdmissionRequest<'_>, kinds: &Kinds) -> Option<&'static Kind> {
        if self.row_of(&self.excluded, request, kinds).is_some() {
            return None;
        }
        if self.everything { Some(request.kind) } else { self.row_of(&self.rules, request, kinds) }
    }

    fn row_of(&self, rules: &[Rule], request: &AdmissionRequest<'_>, kinds: &Kinds) -> Option<&'static Kind> {
        let own = request.kind;
        if rules.iter().any(|rule| rule.matches(&asked(request, own))) {
            return Some(own);
        }
        if rules.is_empty() || !self.equivalent || own.storage.is_empty() {
            return None;
        }
        let has_place = |kind: &Kind| {
            request.subresource.is_empty() || kind.subresources.iter().any(|sub| sub.name == request.subresource)
        };
        let others = || {
            let custom = versions(request).iter().filter(|version| version.served).map(|version| version.kind);
            let same = kinds.all().iter().copied().filter(|kind| kind.storage == own.storage);
            custom.chain(same).filter(|kind| has_place(kind) && !is_same(kind, own))
        };
        rules.iter().find_map(|rule| others().find(|kind| rule.matches(&asked(request, kind))))
    }

    /// Objects outside namespaces, Namespaces excepted, are in every webhook's reach.
    fn in_selected_namespace(&self, request: &AdmissionRequest<'_>, objects: &Objects) -> Result<bool, Status> {
        let name = namespace(request);
        let of_namespace = is_namespace(request.kind);
        if self.namespace_selector.is_everything() || (name.is_empty() && !of_namespace) {
            return Ok(true);
        }
        let writes = matches!(request.operation, Operation::Create | Operation::Update);
        if of_namespace && request.subresource.is_empty() && writes {
            return Ok(self.namespace_selector.matches(request.object["metadata"]["labels"].as_object()));
        }
        let namespaces = row("", "v1", "namespaces");
        match objects.item(namespaces, "", name) {
            Some(item) => Ok(self.namespace_selector.matches_with(|key| item.meta.labels.get(key).map(String::as_str))),
            None => Err(Status::not_found(namespaces, name)),
        }
    }

    /// The old state or the new one has the labels.
    fn selected(&self, request: &AdmissionRequest<'_>) -> bool {
        let selector = &self.object_selector;
        let has = |object: &Value| object.is_object() && selector.matches(object["metadata"]["labels"].as_object());
        selector.is_everything() || has(&request.object) || request.old.is_some_and(has)
    }
}

/// The request as rules about `kind` see it.
fn asked<'a>(request: &'a AdmissionRequest<'_>, kind: &'static Kind) -> Asked<'a> {
    Asked {
        operation: request.operation.as_str(),
        group: kind.group,
        version: kind.version,
        resource: kind.plural,
        subresource: request.subresource,
        name: request.name,
        namespaced: !request.namespace.is_empty() && !is_namespace(kind),
    }
}

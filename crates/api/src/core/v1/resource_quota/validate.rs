//! Validation of ResourceQuotas (pkg/apis/core/validation): names and amounts of what is bounded, scopes and the selector of scopes.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::core::v1::requirements::{amount, is_quota_resource, resource_name};
use crate::field::{self, Field};
use crate::field_error::FieldError;
use crate::kind::WriteContext;
use crate::tree::items;

const SCOPES: [&str; 7] = [
    "Terminating",
    "NotTerminating",
    "BestEffort",
    "NotBestEffort",
    "PriorityClass",
    "CrossNamespacePodAffinity",
    "VolumeAttributesClass",
];
const CONFLICTS: [[&str; 2]; 2] = [["BestEffort", "NotBestEffort"], ["Terminating", "NotTerminating"]];
/// Besides `pods`, what scopes of Pods may bound.
const COMPUTE: [&str; 6] = ["cpu", "memory", "limits.cpu", "limits.memory", "requests.cpu", "requests.memory"];
const OF_PODS: &str = "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, \
                       ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";

pub(super) fn quota(quota: &Value, _: &WriteContext) -> Vec<FieldError> {
    field::validate(quota, |quota| {
        let spec = quota.get("spec");
        let hard = spec.get("hard");
        for (name, entry) in hard.entries() {
            resource_name(&entry, name);
            if !name.contains('/') && !is_quota_resource(name) {
                entry.invalid_value(&name.into(), "must be a standard resource for quota");
            }
            amount(&entry, name);
        }
        let bounded: Vec<&str> = hard.entries().map(|(name, _)| name).filter(|name| is_quota_resource(name)).collect();
        scopes(&spec.get("scopes"), &bounded);
        let selector = spec.get("scopeSelector");
        selected(&selector, &spec.get("scopes"), &bounded);
    })
}

/// The scopes stay as they were, in any order.
pub(super) fn update(new: &Value, old: &Value, _: &WriteContext) -> Vec<FieldError> {
    let set = |quota| items(quota, "spec.scopes").iter().filter_map(Value::as_str).collect::<BTreeSet<_>>();
    let same = set(new) == set(old);
    field::validate(new, |quota| {
        if !same {
            quota.get("spec").get("scopes").invalid("field is immutable");
        }
    })
}

/// Whether a scope says something about a resource.
fn suits(scope: &str, resource: &str) -> bool {
    match scope {
        "BestEffort" => resource == "pods",
        "VolumeAttributesClass" => matches!(resource, "persistentvolumeclaims" | "requests.storage"),
        scope if SCOPES.contains(&scope) => resource == "pods" || COMPUTE.contains(&resource),
        _ => true,
    }
}

fn scopes(scopes: &Field, bounded: &[&str]) {
    let refuse = |why: &str| scopes.invalid(why);
    for scope in scopes.items() {
        if !SCOPES.contains(&scope.text()) {
            refuse("unsupported scope");
        }
    }
    if scopes.items().any(|scope| bounded.iter().any(|name| !suits(scope.text(), name))) {
        refuse("unsupported scope applied to resource");
    }
    let has = |name: &str| scopes.items().any(|scope| scope.text() == name);
    CONFLICTS.iter().filter(|pair| pair.iter().all(|name| has(name))).for_each(|_| refuse("conflicting scopes"));
}

fn selected(selector: &Field, scopes: &Field, bounded: &[&str]) {
    let expressions = selector.get("matchExpressions");
    for expression in expressions.items() {
        let scope = expression.get("scopeName");
        if !SCOPES.contains(&scope.text()) {
            expressions.get("scopeName").with(scope.value).invalid("unsupported scope");
        }
        for _ in bounded.iter().filter(|name| !suits(scope.text(), name)) {
            expressions.invalid_value(selector.value, "unsupported scope applied to resource");
        }
        requirement(&expressions, &expression);
    }
    let has = |name: &str| expressions.items().any(|expression| expression.get("scopeName").text() == name);
    for _ in CONFLICTS.iter().filter(|pair| pair.iter().all(|name| has(name))) {
        scopes.invalid_value(scopes.value, "conflicting scopes");
    }
}

/// Upstream reports these without their index.
fn requirement(all: &Field, one: &Field) {
    let (operator, values) = (one.get("operator"), one.get("values"));
    let of_pods = !matches!(one.get("scopeName").text(), "PriorityClass" | "VolumeAttributesClass")
        && SCOPES.contains(&one.get("scopeName").text());
    let shown = all.get("operator");
    if of_pods && operator.text() != "Exists" {
        shown.with(operator.value).invalid(OF_PODS);
    }
    let place = all.get("values");
    match operator.text() {
        "In" | "NotIn" if values.len() == 0 => {
            place.required("must be at least one value when `operator` is 'In' or 'NotIn' for scope selector");
        }
        "Exists" | "DoesNotExist" if values.len() > 0 => place
            .with(values.value)
            .invalid("must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"),
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        _ => shown.with(operator.value).invalid("not a valid selector operator"),
    }
}

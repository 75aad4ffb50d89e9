//! Checks of resource requests and limits, of containers, Pods, claims and quotas.

use crate::core::v1::resources::quantity;
use crate::field::Field;
use crate::names;
use crate::quantity::Quantity;

/// Resources that are counted in whole numbers.
const WHOLE: [&str; 9] = [
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
];

const STANDARD: [&str; 11] = [
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "storage",
    "requests.storage",
];

pub(crate) fn is_huge_page(name: &str) -> bool {
    name.starts_with("hugepages-")
}

fn is_quota_huge_page(name: &str) -> bool {
    is_huge_page(name.strip_prefix("requests.").unwrap_or(name))
}

/// A resource a quota may bound.
pub(crate) fn is_quota_resource(name: &str) -> bool {
    name != "storage" && (STANDARD.contains(&name) || WHOLE.contains(&name)) || is_quota_huge_page(name)
}

/// A resource of Kubernetes itself: unqualified, or in its own domain.
fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

pub(crate) fn is_extended(name: &str) -> bool {
    !is_native(name) && !name.starts_with("requests.") && names::qualified_name(&format!("requests.{name}")).is_empty()
}

/// Requests may be lower than limits.
pub(crate) fn may_overcommit(name: &str) -> bool {
    is_native(name) && !is_huge_page(name)
}

/// A resource's name in general.
pub(crate) fn resource_name(field: &Field, name: &str) {
    let shown = name.into();
    let wrong = names::qualified_name(name);
    if !wrong.is_empty() {
        wrong.iter().for_each(|message| field.invalid_value(&shown, message));
    } else if !name.contains('/') && !STANDARD.contains(&name) && !WHOLE.contains(&name) && !is_quota_huge_page(name) {
        field.invalid_value(&shown, "must be a standard resource type or fully qualified");
    }
}

/// A resource a container may have.
pub(crate) fn container_resource_name(field: &Field, name: &str) {
    resource_name(field, name);
    let shown = name.into();
    if !name.contains('/') {
        if !matches!(name, "cpu" | "memory" | "ephemeral-storage") && !is_huge_page(name) {
            field.invalid_value(&shown, "must be a standard resource for containers");
        }
    } else if !is_native(name) && !is_extended(name) {
        field.invalid_value(&shown, "doesn't follow extended resource name standard");
    }
}

/// An amount: not negative, and whole where the resource is counted.
pub(crate) fn amount(field: &Field, name: &str) {
    let Some(value) = quantity(field.value) else { return };
    if value.sign() < 0 {
        field.invalid("must be greater than or equal to 0");
    }
    if (WHOLE.contains(&name) || is_extended(name)) && value.milli_value() % 1000 != 0 {
        field.invalid("must be an integer");
    }
}

fn huge_page(field: &Field, name: &str, value: Quantity) {
    let size = name.strip_prefix("hugepages-").and_then(|size| Quantity::parse(size).ok());
    let whole = size.is_some_and(|size| size.value() > 0 && value.value() % size.value() == 0);
    if is_huge_page(name) && !whole {
        field.invalid(&format!("{value} is not positive integer multiple of {name}"));
    }
}

/// `limits`, `requests` and `claims` of a container. `claims` are the names the Pod has.
pub(crate) fn container(requirements: &Field, claims: &[&str]) {
    let (limits, requests) = (requirements.get("limits"), requirements.get("requests"));
    for list in [&limits, &requests] {
        for (name, entry) in list.entries() {
            container_resource_name(&entry, name);
            amount(&entry, name);
            if let Some(value) = quantity(entry.value) {
                huge_page(&entry, name, value);
            }
        }
    }
    within_limits(&limits, &requests);
    let named = |test: fn(&str) -> bool| {
        [&limits, &requests].into_iter().filter_map(Field::map).any(|list| list.keys().any(|name| test(name)))
    };
    if named(is_huge_page) && !named(|name| name == "cpu" || name == "memory") {
        requirements.forbidden("HugePages require cpu or memory");
    }
    claim_names(&requirements.get("claims"), claims);
}

fn within_limits(limits: &Field, requests: &Field) {
    for (name, request) in requests.entries() {
        let limit = limits.value.get(name).and_then(quantity);
        let Some(value) = quantity(request.value) else { continue };
        match limit {
            Some(limit) if value != limit && !may_overcommit(name) => {
                requests.invalid_value(request.value, &format!("must be equal to {name} limit of {limit}"));
            }
            Some(limit) if value > limit => {
                requests
                    .invalid_value(request.value, &format!("must be less than or equal to {name} limit of {limit}"));
            }
            None if !may_overcommit(name) => limits.required("Limit must be set for non overcommitable resources"),
            _ => {}
        }
    }
}

fn claim_names(claims: &Field, known: &[&str]) {
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for claim in claims.items() {
        let name = claim.get("name");
        let key = (crate::tree::text(claim.value, "name"), crate::tree::text(claim.value, "request"));
        if key.0.is_empty() {
            name.required("");
        } else if seen.contains(&key) {
            name.duplicate();
        } else if !known.contains(&key.0) {
            name.not_found();
        }
        seen.push(key);
    }
}

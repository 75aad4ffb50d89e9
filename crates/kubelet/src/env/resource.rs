//! `resourceFieldRef`: requests and limits of a container in units of a divisor; what has no limit has the node's.

use std::collections::BTreeMap;

use api::quantity::{Format, Quantity};
use k8s_openapi::api::core::v1::{Container, ResourceFieldSelector};

use super::{EnvError, Given};
use crate::containers;

/// The node's allocatable resources by name.
pub type Allocatable = BTreeMap<String, Quantity>;

/// The value as text, rounded up to whole divisors.
pub fn value(given: &Given, container: &Container, selector: &ResourceFieldSelector) -> Result<String, EnvError> {
    let named = selector.container_name.as_deref().filter(|name| !name.is_empty() && *name != container.name);
    let other = match named {
        Some(name) => Some(containers::find(given.pod, name).ok_or_else(|| EnvError::NoContainer(name.to_owned()))?),
        None => None,
    };
    let container = other.as_ref().map_or(container, |found| &*found.container);
    container_value(container, selector, given.allocatable)
}

/// The value for a container that is known.
pub fn container_value(
    container: &Container,
    selector: &ResourceFieldSelector,
    allocatable: &Allocatable,
) -> Result<String, EnvError> {
    let unknown = || EnvError::Resource(selector.resource.clone());
    let (list, resource) = selector.resource.split_once('.').ok_or_else(unknown)?;
    let is_known = matches!(resource, "cpu" | "memory" | "ephemeral-storage") || resource.starts_with("hugepages-");
    let resources = container.resources.as_ref();
    let of = match list {
        "limits" => resources.and_then(|resources| resources.limits.as_ref()),
        "requests" => resources.and_then(|resources| resources.requests.as_ref()),
        _ => return Err(unknown()),
    };
    if !is_known {
        return Err(unknown());
    }
    let set = of.and_then(|list| list.get(resource)).and_then(|text| Quantity::parse(&text.0).ok());
    let fallback = || (list == "limits").then(|| allocatable.get(resource).copied()).flatten();
    let quantity = set.or_else(fallback).unwrap_or(Quantity::ZERO);
    let divisor =
        selector.divisor.as_ref().and_then(|text| Quantity::parse(&text.0).ok()).filter(|divisor| divisor.sign() > 0);
    Ok(divide_up(resource, quantity, divisor.unwrap_or(Quantity::new(1, Format::DecimalSI))))
}

fn divide_up(resource: &str, quantity: Quantity, divisor: Quantity) -> String {
    // cpu counts in thousandths, all else in whole units, as upstream's convert functions do.
    let (amount, unit) = if resource == "cpu" {
        (quantity.milli_value(), divisor.milli_value())
    } else {
        (quantity.value(), divisor.value())
    };
    (i128::from(amount) + i128::from(unit.max(1)) - 1).div_euclid(i128::from(unit.max(1))).to_string()
}

//! Lists of resources (`{cpu: 500m, memory: 1Gi}`): reading, rounding, adding up over a Pod's containers.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::quantity::Quantity;
use crate::tree::{at, at_mut, entries, items, text};

/// Amounts by resource name.
pub(crate) type ResourceList = BTreeMap<String, Quantity>;

/// The list at `path`. What is no quantity is left out: the schema has refused it before.
pub(crate) fn read(tree: &Value, path: &str) -> ResourceList {
    let amount = |(name, value): (&String, &Value)| Some((name.clone(), quantity(value)?));
    entries(tree, path).filter_map(amount).collect()
}

/// A quantity in its JSON form.
pub(crate) fn quantity(value: &Value) -> Option<Quantity> {
    Quantity::parse(value.as_str()?).ok()
}

/// Rounds the list at `field` up to thousandths, as upstream stores resources.
pub(crate) fn round(tree: &mut Value, field: &str) {
    for value in at_mut(tree, field).and_then(Value::as_object_mut).into_iter().flatten().map(|(_, value)| value) {
        if let Some(exact) = quantity(value) {
            let rounded = exact.round_up(-3);
            if rounded != exact {
                *value = rounded.to_string().into();
            }
        }
    }
}

/// Rounds `resources.limits` and `resources.requests`.
pub(crate) fn round_requirements(tree: &mut Value) {
    if let Some(requirements) = at_mut(tree, "resources") {
        round(requirements, "limits");
        round(requirements, "requests");
    }
}

/// Adds `more` to `sum`.
fn add(sum: &mut ResourceList, more: &ResourceList) {
    for (name, amount) in more {
        *sum.entry(name.clone()).or_default() += *amount;
    }
}

/// Raises `sum` to at least `other`.
fn raise(sum: &mut ResourceList, other: &ResourceList) {
    for (name, amount) in other {
        let present = sum.entry(name.clone()).or_insert(*amount);
        *present = (*present).max(*amount);
    }
}

/// What a Pod's containers need together (`requests` or `limits`): all containers and sidecars at once, or the largest init step.
pub(crate) fn of_containers(spec: &Value, which: &str) -> ResourceList {
    let path = format!("resources.{which}");
    let mut sum = ResourceList::new();
    for container in items(spec, "containers") {
        add(&mut sum, &read(container, &path));
    }
    let (mut sidecars, mut initial) = (ResourceList::new(), ResourceList::new());
    for container in items(spec, "initContainers") {
        let own = read(container, &path);
        let step = if text(container, "restartPolicy") == "Always" {
            add(&mut sum, &own);
            add(&mut sidecars, &own);
            sidecars.clone()
        } else {
            let mut step = own;
            add(&mut step, &sidecars);
            step
        };
        raise(&mut initial, &step);
    }
    raise(&mut sum, &initial);
    sum
}

/// Whether `resources` on the Pod itself may name this resource.
pub(crate) fn pod_level(name: &str) -> bool {
    name == "cpu" || name == "memory" || name.starts_with("hugepages-")
}

/// Whether the Pod itself has resources of a kind it may have.
pub(crate) fn has_pod_level(spec: &Value) -> bool {
    let named = |which: &str| at(spec, which).as_object().is_some_and(|list| list.keys().any(|name| pod_level(name)));
    named("resources.requests") || named("resources.limits")
}

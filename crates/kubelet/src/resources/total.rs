//! The requests and limits of a whole Pod: containers and sidecars summed, init containers as a maximum, overhead added
//! (upstream's `PodRequests` and `PodLimits`).

use std::collections::BTreeMap;

use api::quantity::Quantity;
use k8s_openapi::api::core::v1::{Container, Pod, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;

use crate::containers::{containers, init_containers, is_sidecar, spec};

pub type Resources = BTreeMap<String, Quantity>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Requests,
    Limits,
}

/// One side of a requirement; quantities passed validation at the API server.
pub fn side(requirements: Option<&ResourceRequirements>, side: Side) -> Resources {
    let list = requirements.and_then(|requirements| match side {
        Side::Requests => requirements.requests.as_ref(),
        Side::Limits => requirements.limits.as_ref(),
    });
    quantities(list)
}

pub fn quantities(list: Option<&BTreeMap<String, Text>>) -> Resources {
    let parsed = list.into_iter().flatten().map(|(name, text)| (name.clone(), Quantity::parse(&text.0)));
    parsed.filter_map(|(name, quantity)| Some((name, quantity.ok()?))).collect()
}

fn add(into: &mut Resources, more: &Resources) {
    for (name, quantity) in more {
        let sum = into.entry(name.clone()).or_insert(Quantity::ZERO);
        *sum += *quantity;
    }
}

fn raise(into: &mut Resources, to: &Resources) {
    for (name, quantity) in to {
        let most = into.entry(name.clone()).or_insert(*quantity);
        if *most < *quantity {
            *most = *quantity;
        }
    }
}

/// The Pod's total on one side.
pub fn pod_total(pod: &Pod, which: Side) -> Resources {
    let of = |container: &Container| side(container.resources.as_ref(), which);
    let mut total = Resources::new();
    for container in containers(pod) {
        add(&mut total, &of(container));
    }
    let mut sidecars = Resources::new();
    let mut highest = Resources::new();
    for container in init_containers(pod) {
        if is_sidecar(container) {
            add(&mut sidecars, &of(container));
            raise(&mut highest, &sidecars);
        } else {
            let mut beside = of(container);
            add(&mut beside, &sidecars);
            raise(&mut highest, &beside);
        }
    }
    add(&mut total, &sidecars);
    raise(&mut total, &highest);
    // Pod-level resources (KEP-2837) replace what the containers add up to.
    total.extend(side(spec(pod).resources.as_ref(), which));
    let overhead = quantities(spec(pod).overhead.as_ref());
    match which {
        Side::Requests => add(&mut total, &overhead),
        Side::Limits => {
            for (name, quantity) in overhead {
                if let Some(limit) = total.get_mut(&name) {
                    *limit += quantity;
                }
            }
        }
    }
    total
}

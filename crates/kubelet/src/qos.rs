//! The quality-of-service class of a Pod, from its requests and limits for cpu and memory.

use std::collections::BTreeMap;

use api::quantity::Quantity;
use k8s_openapi::api::core::v1::{Pod, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;

use crate::containers::{containers, init_containers, spec};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QosClass {
    Guaranteed,
    Burstable,
    BestEffort,
}

impl QosClass {
    pub fn name(self) -> &'static str {
        match self {
            Self::Guaranteed => "Guaranteed",
            Self::Burstable => "Burstable",
            Self::BestEffort => "BestEffort",
        }
    }
}

/// The class the API server wrote, or the one that follows from the spec.
pub fn qos_class(pod: &Pod) -> QosClass {
    match pod.status.as_ref().and_then(|status| status.qos_class.as_deref()) {
        Some("Guaranteed") => QosClass::Guaranteed,
        Some("Burstable") => QosClass::Burstable,
        Some("BestEffort") => QosClass::BestEffort,
        _ => compute(pod),
    }
}

/// Requests or limits of one requirement, for cpu and memory, without zeros.
fn compute_resources(list: Option<&BTreeMap<String, Text>>) -> BTreeMap<&str, Quantity> {
    let entries = list.into_iter().flatten();
    entries
        .filter(|(name, _)| matches!(name.as_str(), "cpu" | "memory"))
        .filter_map(|(name, text)| Some((name.as_str(), Quantity::parse(&text.0).ok()?)))
        .filter(|(_, quantity)| quantity.sign() > 0)
        .collect()
}

fn compute(pod: &Pod) -> QosClass {
    let of_pod =
        spec(pod).resources.as_ref().filter(|resources| resources.requests.is_some() || resources.limits.is_some());
    let requirements: Vec<Option<&ResourceRequirements>> = match of_pod {
        // Pod-level resources (KEP-2837) stand for all containers.
        Some(resources) => vec![Some(resources)],
        None => {
            init_containers(pod).iter().chain(containers(pod)).map(|container| container.resources.as_ref()).collect()
        }
    };
    let mut guaranteed = true;
    let mut any = false;
    for resources in requirements {
        let requests = compute_resources(resources.and_then(|resources| resources.requests.as_ref()));
        let limits = compute_resources(resources.and_then(|resources| resources.limits.as_ref()));
        any |= !requests.is_empty() || !limits.is_empty();
        let has_limits = limits.len() == 2;
        let equal = requests.iter().all(|(name, request)| limits.get(name).is_some_and(|limit| limit == request));
        guaranteed &= has_limits && equal;
    }
    match (any, guaranteed) {
        (false, _) => QosClass::BestEffort,
        (true, true) => QosClass::Guaranteed,
        (true, false) => QosClass::Burstable,
    }
}

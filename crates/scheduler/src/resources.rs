//! What a Pod asks for and what a node has, as numbers: cpu in millicores, everything else in its base unit.

use std::collections::BTreeMap;

use api::quantity::Quantity;
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;

/// Assumed by scoring for a container without a request (upstream's DefaultMilliCPURequest, DefaultMemoryRequest).
const DEFAULT_CPU_MILLIS: i64 = 100;
const DEFAULT_MEMORY_BYTES: i64 = 200 * 1024 * 1024;

/// Amounts by resource name.
pub type Amounts = BTreeMap<String, i64>;

/// The number of `text` in the unit of `resource`; an unreadable quantity counts as zero (the API server has refused those).
pub fn amount(resource: &str, text: &Text) -> i64 {
    let Ok(quantity) = Quantity::parse(&text.0) else { return 0 };
    if resource == "cpu" { quantity.milli_value() } else { quantity.value() }
}

/// Every amount of a resource list.
pub fn amounts(list: Option<&BTreeMap<String, Text>>) -> Amounts {
    list.into_iter().flatten().map(|(name, text)| (name.clone(), amount(name, text))).collect()
}

/// What the Pod needs on a node: the larger of its running containers together and each init phase, plus overhead
/// (KEP-753 for restartable init containers, KEP-688 for overhead, KEP-2837 for Pod-level requests).
pub fn pod_requests(pod: &Pod) -> Amounts {
    let Some(spec) = &pod.spec else { return Amounts::new() };
    total(spec, |container| amounts(container.resources.as_ref().and_then(|r| r.requests.as_ref())))
}

/// As [`pod_requests`], with a floor for containers that ask for no cpu or memory, so that scoring spreads them too.
pub fn pod_requests_nonzero(pod: &Pod) -> Amounts {
    let Some(spec) = &pod.spec else { return Amounts::new() };
    total(spec, |container| {
        let mut requests = amounts(container.resources.as_ref().and_then(|r| r.requests.as_ref()));
        requests.entry("cpu".to_owned()).or_insert(DEFAULT_CPU_MILLIS);
        requests.entry("memory".to_owned()).or_insert(DEFAULT_MEMORY_BYTES);
        requests
    })
}

fn total(spec: &PodSpec, of: impl Fn(&Container) -> Amounts) -> Amounts {
    let mut running = Amounts::new();
    spec.containers.iter().for_each(|container| add(&mut running, &of(container)));
    let mut sidecars = Amounts::new();
    let mut phases = Amounts::new();
    for container in spec.init_containers.iter().flatten() {
        let mut phase = of(container);
        if container.restart_policy.as_deref() == Some("Always") {
            add(&mut running, &phase);
            add(&mut sidecars, &phase);
            phase = sidecars.clone();
        } else {
            add(&mut phase, &sidecars);
        }
        raise(&mut phases, &phase);
    }
    raise(&mut running, &phases);
    for (name, value) in amounts(spec.resources.as_ref().and_then(|r| r.requests.as_ref())) {
        running.insert(name, value);
    }
    add(&mut running, &amounts(spec.overhead.as_ref()));
    running
}

/// Adds `other` to `sum`.
pub fn add(sum: &mut Amounts, other: &Amounts) {
    for (name, value) in other {
        *sum.entry(name.clone()).or_insert(0) += value;
    }
}

/// Takes `other` from `sum`.
pub fn subtract(sum: &mut Amounts, other: &Amounts) {
    for (name, value) in other {
        *sum.entry(name.clone()).or_insert(0) -= value;
    }
}

fn raise(sum: &mut Amounts, other: &Amounts) {
    for (name, value) in other {
        let entry = sum.entry(name.clone()).or_insert(0);
        *entry = (*entry).max(*value);
    }
}

//! In-place resize (KEP-1287): what a Pod's containers were given, what its spec asks for since, and whether the node can give it. Pure; the
//! worker carries it out. Not there: resizes of Pod-level resources (they reach the Pod's cgroup without being weighed).

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, Node, Pod, ResourceRequirements};

use crate::admission::{amount, rejection};
use crate::containers::{containers, init_containers, is_sidecar};
use crate::resources::total::{Resources, Side, pod_total, quantities, side};

pub mod message;
#[cfg(test)]
mod tests;

/// Requests and limits by container.
pub type Held = BTreeMap<String, ResourceRequirements>;

/// The resources that change while a container runs.
const RESIZABLE: [&str; 2] = ["cpu", "memory"];

/// What became of a wish for other resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Fits,
    /// There is no room now.
    Deferred(String),
    /// There never is.
    Infeasible(String),
}

/// What the API shows about a resize.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    pub pending: Option<Pending>,
    pub in_progress: Option<InProgress>,
}

/// A wish that is not granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    pub reason: &'static str,
    pub message: String,
    pub generation: Option<i64>,
}

/// A wish that is granted and not carried out yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InProgress {
    /// Why the last try failed; empty when it did not.
    pub error: String,
    pub generation: Option<i64>,
}

fn resizable(pod: &Pod) -> impl Iterator<Item = &Container> {
    init_containers(pod).iter().filter(|container| is_sidecar(container)).chain(containers(pod))
}

/// What the spec asks for.
pub fn asked(pod: &Pod) -> Held {
    let one = |container: &Container| (container.name.clone(), container.resources.clone().unwrap_or_default());
    resizable(pod).map(one).collect()
}

/// What the containers have by the status that was reported: it outlives the kubelet. A container of which it says nothing has what the spec asks.
pub fn reported(pod: &Pod) -> Held {
    let mut held = asked(pod);
    let status = pod.status.as_ref();
    let lists = [status.map(|it| &it.init_container_statuses), status.map(|it| &it.container_statuses)];
    for status in lists.into_iter().flatten().flatten().flatten() {
        if let (Some(known), Some(resources)) = (held.get_mut(&status.name), &status.resources) {
            known.clone_from(resources);
        }
    }
    held
}

/// The Pod as it is worked on: its spec with what was given.
pub fn with(pod: &Arc<Pod>, held: &Held) -> Arc<Pod> {
    if !differs(&asked(pod), held) {
        return pod.clone();
    }
    let mut given = Pod::clone(pod);
    let spec = given.spec.get_or_insert_default();
    for container in spec.init_containers.iter_mut().flatten().chain(&mut spec.containers) {
        if let Some(resources) = held.get(&container.name) {
            container.resources = Some(resources.clone());
        }
    }
    Arc::new(given)
}

/// Whether a container that both know has other resources.
pub fn differs(left: &Held, right: &Held) -> bool {
    left.iter().any(|(name, one)| right.get(name).is_some_and(|other| !changed(one, other).is_empty()))
}

/// The resources whose request or limit differs.
pub fn changed(left: &ResourceRequirements, right: &ResourceRequirements) -> Vec<&'static str> {
    let of = |requirements: &ResourceRequirements, which| side(Some(requirements), which);
    let sides = [Side::Requests, Side::Limits].map(|which| (of(left, which), of(right, which)));
    RESIZABLE.into_iter().filter(|name| sides.iter().any(|(left, right)| left.get(*name) != right.get(*name))).collect()
}

/// Whether the container's own policy has it restarted for one of these resources.
pub fn restarts(container: &Container, changed: &[&str]) -> bool {
    let policies = container.resize_policy.as_deref().unwrap_or_default();
    let restarting = policies.iter().filter(|policy| policy.restart_policy == "RestartContainer");
    restarting.into_iter().any(|policy| changed.contains(&policy.resource_name.as_str()))
}

/// The memory limit, where it becomes less.
pub fn lower_memory(from: &ResourceRequirements, to: &ResourceRequirements) -> Option<i64> {
    let limit = |requirements: &ResourceRequirements| side(Some(requirements), Side::Limits).get("memory").copied();
    let to = limit(to)?;
    limit(from).is_none_or(|from| to < from).then(|| to.value())
}

/// Whether the node can give the Pod what it asks for, beside those that are on it.
pub fn answer(pod: &Pod, others: &[Arc<Pod>], node: &Node) -> Answer {
    let allocatable: Resources = quantities(node.status.as_ref().and_then(|status| status.allocatable.as_ref()));
    let requests = pod_total(pod, Side::Requests);
    // Upstream tells of memory first.
    for name in ["memory", "cpu"] {
        let (requested, capacity) = (amount(&requests, name), amount(&allocatable, name));
        if requested > capacity {
            let what = "Node didn't have enough capacity";
            return Answer::Infeasible(format!("{what}: {name}, requested: {requested}, capacity: {capacity}"));
        }
    }
    match rejection(pod, others, node) {
        Some(rejection) => Answer::Deferred(rejection.message),
        None => Answer::Fits,
    }
}

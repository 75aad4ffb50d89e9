//! Deployment: rolls its Pods from one template to the next through ReplicaSets.

use std::sync::Arc;

use api::selector::LabelSelector;
use client::runtime::{Attempt, Controller, Plan};
use client::{Change, Lister, Object, ObjectKey};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::Pod;

use crate::Context;
use crate::ownership::{self, BY_CONTROLLER, by_controller, controller_key};

mod reconcile;
mod recreate;
mod revision;
mod rolling;
mod scale;
mod sets;
mod status;
mod strategy;

use reconcile::{Observed, reconcile};

#[cfg(test)]
mod tests;

pub async fn run(context: Context) {
    let mut controller = Controller::new("deployment-controller", &context.informers, context.client.clone());
    let deployments: Lister<Deployment> = controller.own();
    let owners = deployments.clone();
    let sets: Lister<ReplicaSet> =
        controller.watch(move |change: &Change<ReplicaSet>| ownership::owner_keys(change, &owners, selector));
    sets.add_index(BY_CONTROLLER, by_controller);
    let by_pod = (deployments.clone(), sets.clone());
    let pods: Lister<Pod> = controller.watch(move |change: &Change<Pod>| recreated_by(change, &by_pod.0, &by_pod.1));
    pods.add_index(BY_CONTROLLER, by_controller);
    controller.run(move |key, attempt| plan(&deployments, &sets, &pods, key, attempt)).await;
}

/// Observes and reconciles one Deployment.
fn plan(
    deployments: &Lister<Deployment>,
    sets: &Lister<ReplicaSet>,
    pods: &Lister<Pod>,
    key: &ObjectKey,
    attempt: &Attempt<'_>,
) -> Plan {
    let Some(deployment) = deployments.get(key) else { return Plan::new() };
    let candidates = ownership::candidates(&*deployment, sets);
    let pods_of = |set: &ReplicaSet| -> Vec<Arc<Pod>> { pods.by_index(BY_CONTROLLER, set.uid()) };
    reconcile(&Observed {
        deployment: &deployment,
        candidates: &candidates,
        pods_of: &pods_of,
        failure: attempt.failure,
        now: attempt.now,
    })
}

fn selector(deployment: &Deployment) -> LabelSelector {
    ownership::selector_of(&deployment.spec.selector)
}

/// A Pod that ends or goes away may let a Recreate Deployment go on.
fn recreated_by(change: &Change<Pod>, deployments: &Lister<Deployment>, sets: &Lister<ReplicaSet>) -> Vec<ObjectKey> {
    let ended = change.is_delete() || change.new.as_ref().is_some_and(|pod| crate::pods::is_terminal(pod));
    if !ended {
        return Vec::new();
    }
    let key = controller_key::<ReplicaSet>(change.object().meta()).and_then(|key| sets.get(&key));
    let key = key.and_then(|set| controller_key::<Deployment>(set.meta()));
    let is_recreate =
        |key: &ObjectKey| deployments.get(key).is_some_and(|deployment| strategy::is_recreate(&deployment));
    key.filter(is_recreate).into_iter().collect()
}

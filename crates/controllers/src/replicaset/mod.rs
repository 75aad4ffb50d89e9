//! ReplicaSet: keeps a number of Pods of one template running.

use std::sync::Arc;

use api::selector::LabelSelector;
use client::runtime::{Attempt, Controller, Plan};
use client::{Change, Lister, Object, ObjectKey};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ReplicaSet, ReplicaSetCondition, ReplicaSetStatus};
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};

use crate::Context;
use crate::numbers::time;
use crate::ownership::{self, BY_CONTROLLER, by_controller, controller_of};
use crate::replicas::{self, Observed, Replicated, Status};

#[cfg(test)]
mod tests;

pub async fn run(context: Context) {
    let mut controller = Controller::new("replicaset-controller", &context.informers, context.client.clone());
    let sets: Lister<ReplicaSet> = controller.own();
    sets.add_index(BY_CONTROLLER, by_controller);
    let owners = sets.clone();
    let pods: Lister<Pod> =
        controller.watch(move |change: &Change<Pod>| ownership::owner_keys(change, &owners, ReplicaSet::selector));
    pods.add_index(BY_CONTROLLER, by_controller);
    controller.run(move |key, attempt| plan(&sets, &pods, key, attempt)).await;
}

/// Observes and reconciles one ReplicaSet.
fn plan(sets: &Lister<ReplicaSet>, pods: &Lister<Pod>, key: &ObjectKey, attempt: &Attempt<'_>) -> Plan {
    let Some(set) = sets.get(key) else { return Plan::new() };
    let candidates = ownership::candidates(&*set, pods);
    let kin = kin(&set, sets, pods);
    replicas::reconcile(&Observed {
        owner: &*set,
        candidates: &candidates,
        kin: &kin,
        failure: attempt.failure,
        now: attempt.now,
    })
}

/// The Pods of all ReplicaSets of the same Deployment.
fn kin(set: &ReplicaSet, sets: &Lister<ReplicaSet>, pods: &Lister<Pod>) -> Vec<Arc<Pod>> {
    match controller_of(&set.metadata) {
        Some(owner) => {
            let siblings = sets.by_index(BY_CONTROLLER, &owner.uid);
            siblings.iter().flat_map(|sibling| pods.by_index(BY_CONTROLLER, sibling.uid())).collect()
        }
        None => pods.by_index(BY_CONTROLLER, set.uid()),
    }
}

impl Replicated for ReplicaSet {
    fn replicas(&self) -> i32 {
        self.spec.replicas.unwrap_or(1)
    }

    fn min_ready_seconds(&self) -> i32 {
        self.spec.min_ready_seconds.unwrap_or(0)
    }

    fn selector(&self) -> LabelSelector {
        ownership::selector_of(&self.spec.selector)
    }

    fn template(&self) -> Option<&PodTemplateSpec> {
        self.spec.template.as_ref()
    }

    fn set_status(&self, plan: &mut Plan, status: &Status, now: Timestamp) {
        let old = self.status.clone().unwrap_or_default();
        let new = ReplicaSetStatus {
            replicas: status.replicas,
            fully_labeled_replicas: status.fully_labeled,
            ready_replicas: status.ready,
            available_replicas: status.available,
            terminating_replicas: Some(status.terminating),
            observed_generation: self.metadata.generation,
            conditions: conditions(old.conditions, status, now),
        };
        plan.update_status(self, &ReplicaSet { status: Some(new), ..self.clone() });
    }
}

/// The conditions with ReplicaFailure set or taken away; one that is there already stays as it is.
fn conditions(
    old: Option<Vec<ReplicaSetCondition>>,
    status: &Status,
    now: Timestamp,
) -> Option<Vec<ReplicaSetCondition>> {
    let mut conditions = old.unwrap_or_default();
    let is_failure = |condition: &ReplicaSetCondition| condition.type_.as_deref() == Some("ReplicaFailure");
    match &status.failure {
        None => conditions.retain(|condition| !is_failure(condition)),
        Some(_) if conditions.iter().any(is_failure) => {}
        Some((reason, message)) => conditions.push(ReplicaSetCondition {
            type_: Some("ReplicaFailure".to_owned()),
            status: Some("True".to_owned()),
            reason: Some((*reason).to_owned()),
            message: Some(message.clone()),
            last_transition_time: Some(time(now)),
        }),
    }
    Some(conditions).filter(|conditions| !conditions.is_empty())
}

//! ReplicationController: the older ReplicaSet, with a plain map as its selector.

use api::selector::LabelSelector;
use client::runtime::{Attempt, Controller, Plan};
use client::{Change, Lister, Object, ObjectKey};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    Pod, PodTemplateSpec, ReplicationController, ReplicationControllerCondition, ReplicationControllerStatus,
};
use serde_json::Value;

use crate::Context;
use crate::numbers::time;
use crate::ownership::{self, BY_CONTROLLER, by_controller};
use crate::replicas::{self, Observed, Replicated, Status};

#[cfg(test)]
mod tests;

pub async fn run(context: Context) {
    let mut controller = Controller::new("replication-controller", &context.informers, context.client.clone());
    let owners: Lister<ReplicationController> = controller.own();
    let (sets, selected) = (owners.clone(), owners);
    let pods: Lister<Pod> = controller
        .watch(move |change: &Change<Pod>| ownership::owner_keys(change, &selected, ReplicationController::selector));
    pods.add_index(BY_CONTROLLER, by_controller);
    controller.run(move |key, attempt| plan(&sets, &pods, key, attempt)).await;
}

/// Observes and reconciles one ReplicationController.
fn plan(sets: &Lister<ReplicationController>, pods: &Lister<Pod>, key: &ObjectKey, attempt: &Attempt<'_>) -> Plan {
    let Some(set) = sets.get(key) else { return Plan::new() };
    let candidates = ownership::candidates(&*set, pods);
    let kin = pods.by_index(BY_CONTROLLER, set.uid());
    replicas::reconcile(&Observed {
        owner: &*set,
        candidates: &candidates,
        kin: &kin,
        failure: attempt.failure,
        now: attempt.now,
    })
}

impl Replicated for ReplicationController {
    fn replicas(&self) -> i32 {
        self.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1)
    }

    fn min_ready_seconds(&self) -> i32 {
        self.spec.as_ref().and_then(|spec| spec.min_ready_seconds).unwrap_or(0)
    }

    fn selector(&self) -> LabelSelector {
        match self.spec.as_ref().and_then(|spec| spec.selector.as_ref()) {
            Some(labels) if !labels.is_empty() => {
                let labels = labels.iter().map(|(name, value)| (name.clone(), Value::String(value.clone())));
                LabelSelector::from_map(&labels.collect())
            }
            _ => LabelSelector::nothing(),
        }
    }

    fn template(&self) -> Option<&PodTemplateSpec> {
        self.spec.as_ref()?.template.as_ref()
    }

    fn set_status(&self, plan: &mut Plan, status: &Status, now: Timestamp) {
        let old = self.status.clone().unwrap_or_default();
        let new = ReplicationControllerStatus {
            replicas: status.replicas,
            fully_labeled_replicas: status.fully_labeled,
            ready_replicas: status.ready,
            available_replicas: status.available,
            observed_generation: self.metadata.generation,
            conditions: conditions(old.conditions, status, now),
        };
        plan.update_status(self, &ReplicationController { status: Some(new), ..self.clone() });
    }
}

fn conditions(
    old: Option<Vec<ReplicationControllerCondition>>,
    status: &Status,
    now: Timestamp,
) -> Option<Vec<ReplicationControllerCondition>> {
    let mut conditions = old.unwrap_or_default();
    let is_failure = |condition: &ReplicationControllerCondition| condition.type_ == "ReplicaFailure";
    match &status.failure {
        None => conditions.retain(|condition| !is_failure(condition)),
        Some(_) if conditions.iter().any(is_failure) => {}
        Some((reason, message)) => conditions.push(ReplicationControllerCondition {
            type_: "ReplicaFailure".to_owned(),
            status: "True".to_owned(),
            reason: Some((*reason).to_owned()),
            message: Some(message.clone()),
            last_transition_time: Some(time(now)),
        }),
    }
    Some(conditions).filter(|conditions| !conditions.is_empty())
}

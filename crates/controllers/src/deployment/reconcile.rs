//! The decision: which ReplicaSets a Deployment needs, how large, and what its status says.

use std::sync::Arc;

use client::events::Regarding;
use client::runtime::{Failure, Plan};
use client::{Object, ResourceType};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentStatus, ReplicaSet};
use k8s_openapi::api::core::v1::Pod;

use super::revision::{self, REVISION};
use super::sets::Sets;
use super::status::{self, PROGRESSING};
use super::{recreate, rolling, scale, selector, strategy};
use crate::ownership::Claim;

pub struct Observed<'a> {
    pub deployment: &'a Deployment,
    /// Its ReplicaSets and the orphans of its namespace.
    pub candidates: &'a [Arc<ReplicaSet>],
    pub pods_of: &'a dyn Fn(&ReplicaSet) -> Vec<Arc<Pod>>,
    pub failure: Option<&'a Failure>,
    pub now: Timestamp,
}

pub fn reconcile(observed: &Observed) -> Plan {
    let mut plan = Plan::new();
    let deployment = observed.deployment;
    let selector = selector(deployment);
    if selector.is_everything() {
        return selects_all(plan, deployment);
    }
    let claimed = Claim { owner: deployment, selector: &selector }.objects(&mut plan, observed.candidates);
    if let Some(failure) = observed.failure {
        return report_failure(deployment, failure, observed);
    }
    if deployment.is_deleting() {
        let sets = Sets::of(deployment, claimed);
        write_status(&mut plan, deployment, status::counted(deployment, &sets, observed.now));
        return plan;
    }
    // The status with the pause noted is what the rest of this reconcile starts from.
    let noted = status::paused(deployment, observed.now)
        .map(|status| Deployment { status: Some(status), ..deployment.clone() });
    let rollout = Rollout { observed, deployment: noted.as_ref().unwrap_or(deployment) };
    rollout.go_on(plan, Sets::of(deployment, claimed))
}

fn selects_all(mut plan: Plan, deployment: &Deployment) -> Plan {
    let message = "This deployment is selecting all pods. A non-empty selector is required.";
    plan.warning(Regarding::of(deployment), "SelectingAll", message);
    let status = deployment.status.clone().unwrap_or_default();
    if status.observed_generation < deployment.metadata.generation {
        write_status(
            &mut plan,
            deployment,
            DeploymentStatus { observed_generation: deployment.metadata.generation, ..status },
        );
    }
    plan
}

/// A new ReplicaSet could not be made: another one has its name, or the server refused it.
fn report_failure(deployment: &Deployment, failure: &Failure, observed: &Observed) -> Plan {
    let mut plan = Plan::new();
    if !failure.is_create_of(&ResourceType::of::<ReplicaSet>()) {
        return plan;
    }
    let mut new = deployment.status.clone().unwrap_or_default();
    let (name, _) = revision::new_name(deployment);
    if failure.error.is_already_exists() {
        // Our own ReplicaSet that the caches had not shown yet is no collision.
        let is_ours = observed
            .candidates
            .iter()
            .any(|set| set.name() == name && crate::ownership::is_controlled_by(set.meta(), deployment));
        if !is_ours {
            new.collision_count = Some(new.collision_count.unwrap_or(0) + 1);
        }
    } else if strategy::progress_deadline(deployment).is_some() {
        let message = format!("Failed to create new replica set {name:?}: {}", failure.error);
        status::set(
            &mut new,
            status::condition(PROGRESSING, "False", ("ReplicaSetCreateError", &message), observed.now),
        );
    }
    write_status(&mut plan, deployment, new);
    plan
}

fn write_status(plan: &mut Plan, deployment: &Deployment, status: DeploymentStatus) {
    plan.update_status(deployment, &Deployment { status: Some(status), ..deployment.clone() });
}

/// One step of a rollout.
struct Rollout<'a> {
    observed: &'a Observed<'a>,
    /// With the pause noted in its status.
    deployment: &'a Deployment,
}

impl Rollout<'_> {
    fn go_on(&self, mut plan: Plan, mut sets: Sets) -> Plan {
        let deployment = self.deployment;
        let next = revision::next(&sets);
        if let Some(new) = &mut sets.new {
            revision::update_new(deployment, new, next);
        }
        if strategy::is_paused(deployment) || scale::is_scaling(deployment, &sets) {
            scale::scale(deployment, &mut sets);
            if strategy::is_paused(deployment) {
                revision::clean_up(&mut plan, deployment, &sets);
            }
            return self.finish(plan, &sets, status::counted(deployment, &sets, self.observed.now));
        }
        let waits = strategy::is_recreate(deployment)
            && (recreate::scale_old(deployment, &mut sets) || recreate::old_pods_run(&sets, self.observed.pods_of));
        if !waits {
            if sets.new.is_none() {
                return self.create_new(plan, &sets, next);
            }
            self.roll(&mut plan, &mut sets);
        }
        let status = status::rolled_out(deployment, &sets, self.observed.now);
        self.finish(plan, &sets, status)
    }

    fn roll(&self, plan: &mut Plan, sets: &mut Sets) {
        let deployment = self.deployment;
        if strategy::is_recreate(deployment) {
            recreate::scale_new(deployment, sets);
        } else if rolling::scale_new(deployment, sets) || rolling::scale_old(deployment, sets) {
            return;
        }
        let default = DeploymentStatus::default();
        if status::is_complete(deployment, deployment.status.as_ref().unwrap_or(&default)) {
            revision::clean_up(plan, deployment, sets);
        }
    }

    fn create_new(&self, mut plan: Plan, sets: &Sets, next: i64) -> Plan {
        let deployment = self.deployment;
        let name = revision::create_new(&mut plan, deployment, sets, next);
        let mut new = deployment.status.clone().unwrap_or_default();
        if strategy::progress_deadline(deployment).is_some() {
            let message = format!("Created new replica set {name:?}");
            status::set(
                &mut new,
                status::condition(PROGRESSING, "True", ("NewReplicaSetCreated", &message), self.observed.now),
            );
        }
        self.write(&mut plan, Some(next), new);
        plan
    }

    /// Writes the ReplicaSets' changes, the Deployment's revision and its status.
    fn finish(&self, mut plan: Plan, sets: &Sets, mut new: DeploymentStatus) -> Plan {
        sets.write(&mut plan, self.deployment);
        if let Some(set) = &sets.new
            && strategy::progress_deadline(self.deployment).is_some()
            && status::find(&new, PROGRESSING).is_none()
        {
            let message = format!("Found new replica set {:?}", set.name());
            status::set(
                &mut new,
                status::condition(PROGRESSING, "True", ("FoundNewReplicaSet", &message), self.observed.now),
            );
        }
        if let Some(wait) = status::next_check(self.deployment, &new, self.observed.now) {
            plan.requeue_after(wait);
        }
        self.write(&mut plan, sets.new.as_ref().map(revision::of).filter(|revision| *revision > 0), new);
        plan
    }

    fn write(&self, plan: &mut Plan, revision: Option<i64>, status: DeploymentStatus) {
        let observed = self.observed.deployment;
        let mut numbered = observed.clone();
        if let Some(revision) = revision {
            numbered.metadata.annotations.get_or_insert_default().insert(REVISION.to_owned(), revision.to_string());
        }
        // The status write takes the revision along, as upstream's does: it is no change of the user's, so the generation stays.
        plan.update_status(observed, &Deployment { status: Some(status), ..numbered });
    }
}

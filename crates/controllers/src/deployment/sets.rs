//! A Deployment's ReplicaSets while a reconcile works on them: changes pile up and become one update each.

use std::cmp::Ordering;
use std::sync::Arc;

use client::Object;
use client::events::Regarding;
use client::runtime::Plan;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};

use super::strategy;
use crate::template;

/// The number of Pods the Deployment wanted when it last scaled this ReplicaSet.
pub const DESIRED_REPLICAS: &str = "deployment.kubernetes.io/desired-replicas";
/// The number it could have had with its surge.
pub const MAX_REPLICAS: &str = "deployment.kubernetes.io/max-replicas";

/// One ReplicaSet, as observed and as it shall be.
pub struct Set {
    observed: Arc<ReplicaSet>,
    pub wanted: ReplicaSet,
}

impl Set {
    pub fn new(observed: Arc<ReplicaSet>) -> Self {
        let wanted = ReplicaSet::clone(&observed);
        Self { observed, wanted }
    }

    pub fn name(&self) -> &str {
        self.observed.name()
    }

    pub fn replicas(&self) -> i32 {
        self.wanted.spec.replicas.unwrap_or(1)
    }

    /// How many Pods it has, by its own status.
    pub fn actual(&self) -> i32 {
        self.wanted.status.as_ref().map_or(0, |status| status.replicas)
    }

    pub fn ready(&self) -> i32 {
        self.wanted.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or(0)
    }

    pub fn available(&self) -> i32 {
        self.wanted.status.as_ref().and_then(|status| status.available_replicas).unwrap_or(0)
    }

    pub fn is_deleting(&self) -> bool {
        self.observed.is_deleting()
    }

    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.wanted.annotation(name)
    }

    pub fn annotate(&mut self, name: &str, value: String) {
        self.wanted.metadata.annotations.get_or_insert_default().insert(name.to_owned(), value);
    }

    /// Whether its status speaks of its newest spec.
    pub fn is_settled(&self) -> bool {
        let observed = self.observed.status.as_ref().and_then(|status| status.observed_generation);
        observed.unwrap_or(0) >= self.observed.metadata.generation.unwrap_or(0)
    }

    /// Gives it `replicas` and notes what the Deployment wanted; true if the number changes.
    pub fn scale(&mut self, deployment: &Deployment, replicas: i32) -> bool {
        let changes = self.replicas() != replicas;
        note_replicas(&mut self.wanted, deployment);
        self.wanted.spec.replicas = Some(replicas);
        changes
    }

    pub fn observed(&self) -> &Arc<ReplicaSet> {
        &self.observed
    }

    /// Puts the update and the event of its scaling into the plan.
    pub fn write(&self, plan: &mut Plan, deployment: &Deployment) {
        plan.update(&*self.observed, &self.wanted);
        let (before, after) = (self.observed.spec.replicas.unwrap_or(1), self.replicas());
        let direction = match after.cmp(&before) {
            Ordering::Greater => "up",
            Ordering::Less => "down",
            Ordering::Equal => return,
        };
        let message = format!("Scaled {direction} replica set {} from {before} to {after}", self.name());
        plan.normal(Regarding::of(deployment), "ScalingReplicaSet", message);
    }
}

/// Writes the desired and the greatest number into a ReplicaSet's annotations.
pub fn note_replicas(set: &mut ReplicaSet, deployment: &Deployment) {
    let desired = strategy::replicas(deployment);
    let annotations = set.metadata.annotations.get_or_insert_default();
    annotations.insert(DESIRED_REPLICAS.to_owned(), desired.to_string());
    annotations.insert(MAX_REPLICAS.to_owned(), (desired + strategy::max_surge(deployment)).to_string());
}

/// The ReplicaSet of the present template, and all others.
pub struct Sets {
    pub new: Option<Set>,
    pub old: Vec<Set>,
}

impl Sets {
    /// Of several with the present template (after a rollback made by hand) the oldest is the new one.
    pub fn of(deployment: &Deployment, mut claimed: Vec<Arc<ReplicaSet>>) -> Self {
        claimed.sort_by(by_creation);
        let wanted = &deployment.spec.template;
        let is_new =
            |set: &Arc<ReplicaSet>| set.spec.template.as_ref().is_some_and(|own| template::is_same(wanted, own));
        let new = claimed.iter().position(is_new).map(|at| Set::new(claimed.remove(at)));
        Self { new, old: claimed.into_iter().map(Set::new).collect() }
    }

    pub fn all(&self) -> impl Iterator<Item = &Set> {
        self.old.iter().chain(&self.new)
    }

    pub fn all_mut(&mut self) -> impl Iterator<Item = &mut Set> {
        self.old.iter_mut().chain(&mut self.new)
    }

    /// The Pods wanted by all of them together.
    pub fn replicas(&self) -> i32 {
        self.all().map(Set::replicas).sum()
    }

    pub fn old_replicas(&self) -> i32 {
        self.old.iter().map(Set::replicas).sum()
    }

    pub fn available(&self) -> i32 {
        self.all().map(Set::available).sum()
    }

    pub fn write(&self, plan: &mut Plan, deployment: &Deployment) {
        self.all().for_each(|set| set.write(plan, deployment));
    }
}

/// Oldest first, then by name.
pub fn by_creation(a: &Arc<ReplicaSet>, b: &Arc<ReplicaSet>) -> Ordering {
    let created = |set: &ReplicaSet| set.metadata.creation_timestamp.as_ref().map(|time| time.0);
    created(a).cmp(&created(b)).then_with(|| a.name().cmp(b.name()))
}

//! The decision: who belongs to the set, which template is the present one, then one step, then the status.

use std::collections::BTreeSet;
use std::sync::Arc;

use client::events::Regarding;
use client::runtime::{Failure, Plan};
use client::{Object, ResourceType};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSet};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};

use super::line::{Line, hash};
use super::status::{self, Revisions};
use super::step::Step;
use super::{identity, selector};
use crate::history::History;
use crate::ownership::Claim;

/// The label in which the revisions of StatefulSets carry their hash.
const HASH: &str = "controller.kubernetes.io/hash";

pub struct Observed<'a> {
    pub set: &'a StatefulSet,
    /// Its Pods and revisions, and the orphans of its namespace.
    pub pods: &'a [Arc<Pod>],
    pub revisions: &'a [Arc<ControllerRevision>],
    /// A claim of its namespace, by name.
    pub claim: &'a dyn Fn(&str) -> Option<Arc<PersistentVolumeClaim>>,
    pub failure: Option<&'a Failure>,
    pub now: Timestamp,
}

pub fn reconcile(observed: &Observed) -> Plan {
    let mut plan = Plan::new();
    let set = observed.set;
    let selector = selector(set);
    if selector.is_everything() {
        let message = "This stateful set is selecting all pods. A non-empty selector is required.";
        plan.warning(Regarding::of(set), "SelectingAll", message);
        return plan;
    }
    let claim = Claim { owner: set, selector: &selector };
    let known = claim.objects(&mut plan, observed.revisions);
    // A Pod is the set's by its name too.
    let named: Vec<Arc<Pod>> =
        observed.pods.iter().filter(|pod| identity::ordinal(set, pod).is_some()).cloned().collect();
    let pods = claim.objects(&mut plan, &named);
    let history = history(set, &known);
    if let Some(failure) = observed.failure {
        return after_failure(set, failure, &history);
    }
    let line = Line::new(set, &pods, observed.now);
    if set.is_deleting() {
        let update = set.status.as_ref().and_then(|status| status.update_revision.clone()).unwrap_or_default();
        status::write(&mut plan, set, &line, &Revisions::of(set, &update, &known));
        return plan;
    }
    let update = history.current(&mut plan);
    let revisions = Revisions::of(set, &update.name, &known);
    Step { observed, line: &line, revisions: &revisions, known: &known }.plan(&mut plan);
    status::write(&mut plan, set, &line, &revisions);
    let in_use = pods.iter().map(|pod| hash(pod).to_owned());
    history.clean_up(&mut plan, &in_use.chain([revisions.current, revisions.update]).collect::<BTreeSet<_>>());
    plan
}

fn history<'a>(set: &'a StatefulSet, revisions: &'a [Arc<ControllerRevision>]) -> History<'a, StatefulSet> {
    History {
        owner: set,
        template: &set.spec.template,
        collisions: set.status.as_ref().and_then(|status| status.collision_count),
        limit: set.spec.revision_history_limit,
        hash_label: HASH,
        revisions,
    }
}

/// Another revision has the name we wanted: the next hash counts the collision in.
fn after_failure(set: &StatefulSet, failure: &Failure, history: &History<'_, StatefulSet>) -> Plan {
    let mut plan = Plan::new();
    let is_collision =
        failure.is_create_of(&ResourceType::of::<ControllerRevision>()) && failure.error.is_already_exists();
    let is_ours = history.revisions.iter().any(|revision| revision.key() == history.new_key());
    if is_collision && !is_ours {
        let mut status = set.status.clone().unwrap_or_default();
        status.collision_count = Some(status.collision_count.unwrap_or(0) + 1);
        plan.update_status(set, &StatefulSet { status: Some(status), ..set.clone() });
    }
    plan
}

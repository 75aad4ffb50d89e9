//! The decision: Pods to make on nodes without one, to give up where they do not belong, and to replace by newer ones.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use client::events::Regarding;
use client::runtime::{Failure, Plan};
use client::{Object, ResourceType};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet};
use k8s_openapi::api::core::v1::{Node, Pod};

use super::{nodes, rolling, selector, status};
use crate::history::{Current, History, REVISION_HASH};
use crate::ownership::Claim;
use crate::placement::target_node;
use crate::pods;
use crate::replicas::report;

pub struct Observed<'a> {
    pub set: &'a DaemonSet,
    /// Its Pods and revisions, and the orphans of its namespace.
    pub pods: &'a [Arc<Pod>],
    pub revisions: &'a [Arc<ControllerRevision>],
    pub nodes: &'a [Arc<Node>],
    pub failure: Option<&'a Failure>,
    pub now: Timestamp,
}

/// One node, what may be there and what is.
pub struct Place {
    pub name: String,
    pub should_run: bool,
    pub may_stay: bool,
    pub pods: Vec<Arc<Pod>>,
}

/// Pods to make, by node, and to give up.
#[derive(Default)]
pub struct Change {
    pub create: Vec<String>,
    pub delete: Vec<Arc<Pod>>,
}

/// At most so many Pods are made or given up in one go.
const BURST: usize = 250;
/// How long a Pod that has ended stays before it is replaced.
const ENDED: Duration = Duration::from_secs(1);

pub fn reconcile(observed: &Observed) -> Plan {
    let mut plan = Plan::new();
    let set = observed.set;
    let selector = selector(set);
    if selector.is_everything() {
        let message = "This daemon set is selecting all pods. A non-empty selector is required.";
        plan.warning(Regarding::of(set), "SelectingAll", message);
        return plan;
    }
    let claim = Claim { owner: set, selector: &selector };
    let revisions = claim.objects(&mut plan, observed.revisions);
    let pods = claim.objects(&mut plan, observed.pods);
    if set.is_deleting() {
        return plan;
    }
    let history = history(set, &revisions);
    if let Some(failure) = observed.failure {
        return after_failure(set, failure, &history);
    }
    let places = places(set, observed.nodes, &pods);
    let current = history.current(&mut plan);
    let mut change = manage(&mut plan, observed, &places, &current);
    delete_homeless(&mut change, observed.nodes, &pods);
    if change.create.is_empty() && change.delete.is_empty() && !current.is_new {
        change = rolling::update(set, &places, &current.hash, observed.now);
    }
    write(&mut plan, set, &current, change);
    let in_use = pods.iter().filter_map(|pod| pod.label(REVISION_HASH).map(str::to_owned));
    history.clean_up(&mut plan, &in_use.chain([current.hash.clone()]).collect::<BTreeSet<_>>());
    status::write(&mut plan, set, &places, &current.hash, observed.now);
    plan
}

fn history<'a>(set: &'a DaemonSet, revisions: &'a [Arc<ControllerRevision>]) -> History<'a, DaemonSet> {
    History {
        owner: set,
        template: &set.spec.template,
        collisions: set.status.as_ref().and_then(|status| status.collision_count),
        limit: set.spec.revision_history_limit,
        hash_label: REVISION_HASH,
        revisions,
    }
}

/// Another revision has the name we wanted: the next hash counts the collision in.
fn after_failure(set: &DaemonSet, failure: &Failure, history: &History<'_, DaemonSet>) -> Plan {
    let mut plan = Plan::new();
    let is_collision =
        failure.is_create_of(&ResourceType::of::<ControllerRevision>()) && failure.error.is_already_exists();
    let is_ours = history.revisions.iter().any(|revision| revision.key() == history.new_key());
    if is_collision && !is_ours {
        let mut status = set.status.clone().unwrap_or_default();
        status.collision_count = Some(status.collision_count.unwrap_or(0) + 1);
        plan.update_status(set, &DaemonSet { status: Some(status), ..set.clone() });
    }
    plan
}

fn places(set: &DaemonSet, all: &[Arc<Node>], pods: &[Arc<Pod>]) -> Vec<Place> {
    let mut by_node: BTreeMap<&str, Vec<Arc<Pod>>> = BTreeMap::new();
    for pod in pods {
        if let Some(node) = pod.spec.as_ref().and_then(target_node) {
            by_node.entry(node).or_default().push(pod.clone());
        }
    }
    let place = |node: &Arc<Node>| {
        let (should_run, may_stay) = nodes::fits(set, node);
        let mut pods = by_node.remove(node.name()).unwrap_or_default();
        pods.sort_by_key(|pod| (pod.metadata.creation_timestamp.as_ref().map(|time| time.0), pod.name().to_owned()));
        Place { name: node.name().to_owned(), should_run, may_stay, pods }
    };
    all.iter().map(place).collect()
}

fn manage(plan: &mut Plan, observed: &Observed, places: &[Place], current: &Current) -> Change {
    let mut change = Change::default();
    for place in places {
        if place.should_run && place.pods.is_empty() {
            change.create.push(place.name.clone());
        } else if place.may_stay {
            tend(plan, observed, place, current, &mut change);
        } else {
            change.delete.extend(place.pods.iter().filter(|pod| !pod.is_deleting()).cloned());
        }
    }
    change
}

/// On a node where the daemon belongs: replaces what has ended and gives up what is there twice.
fn tend(plan: &mut Plan, observed: &Observed, place: &Place, current: &Current, change: &mut Change) {
    let set = observed.set;
    let mut kept_old = false;
    let mut kept_new = false;
    for pod in place.pods.iter().filter(|pod| !pod.is_deleting()) {
        if pods::is_terminal(pod) {
            let since = crate::job::finished_at(pod).unwrap_or(observed.now);
            let wait = ENDED.saturating_sub(observed.now.duration_since(since).try_into().unwrap_or_default());
            if !wait.is_zero() {
                plan.requeue_after(wait);
                continue;
            }
            let (namespace, name, node) = (pod.namespace(), pod.name(), &place.name);
            let regarding = Regarding::of(set);
            if pods::phase(pod) == "Failed" {
                let message = format!("Found failed daemon pod {namespace}/{name} on node {node}, will try to kill it");
                plan.warning(regarding, "FailedDaemonPod", message);
            } else {
                let message =
                    format!("Found succeeded daemon pod {namespace}/{name} on node {node}, will try to delete it");
                plan.normal(regarding, "SucceededDaemonPod", message);
            }
            change.delete.push(pod.clone());
            continue;
        }
        // The oldest stays; while surging, the oldest of each kind.
        let is_new = pod.label(REVISION_HASH) == Some(&current.hash);
        let (same, other) = if is_new { (&mut kept_new, kept_old) } else { (&mut kept_old, kept_new) };
        if *same || (other && !rolling::surges(set)) {
            change.delete.push(pod.clone());
        } else {
            *same = true;
        }
    }
}

/// Pods that wait for a node that is gone will wait for ever.
fn delete_homeless(change: &mut Change, all: &[Arc<Node>], pods: &[Arc<Pod>]) {
    let names: BTreeSet<&str> = all.iter().map(|node| node.name()).collect();
    let is_homeless = |pod: &Pod| {
        let target = pod.spec.as_ref().and_then(target_node);
        pods::node_name(pod).is_empty() && !pod.is_deleting() && !target.is_some_and(|node| names.contains(node))
    };
    change.delete.extend(pods.iter().filter(|pod| is_homeless(pod)).cloned());
}

fn write(plan: &mut Plan, set: &DaemonSet, current: &Current, change: Change) {
    let deletion =
        report(set, ("SuccessfulDelete", "Deleted pod: {name}"), ("FailedDelete", "Error deleting: {error}"));
    for pod in change.delete.into_iter().take(BURST) {
        plan.delete(&*pod, Some(deletion.clone()));
    }
    let creation =
        report(set, ("SuccessfulCreate", "Created pod: {name}"), ("FailedCreate", "Error creating: {error}"));
    for node in change.create.into_iter().take(BURST) {
        plan.create(&nodes::pod(set, &node, &current.hash), Some(creation.clone()));
    }
}

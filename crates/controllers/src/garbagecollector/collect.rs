//! The decision about one object: leave it, cut it loose from owners that are gone, or delete it.

use std::time::Duration;

use client::runtime::{Action, Plan, Target};
use client::{DeleteOptions, PatchKind, Propagation};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde_json::{Value, json};

use super::attempt::{Fate, Observed};
use super::graph::{FOREGROUND, Node, ORPHAN};

/// How long an informer may take to show an owner that the server has.
const EARLY: Duration = Duration::from_millis(200);

/// The plan, and the uids to look at next.
pub fn reconcile(observed: &Observed) -> (Plan, Vec<String>) {
    let mut plan = Plan::new();
    let live = &observed.live;
    if live.orphans_dependents() {
        orphan(&mut plan, live, observed);
        return (plan, Vec::new());
    }
    if live.waits_for_dependents() {
        let again = wait(&mut plan, observed);
        return (plan, again);
    }
    if live.is_deleting() || live.owners().is_empty() {
        return (plan, Vec::new());
    }
    let with = |fate: Fate| observed.owners.iter().filter(move |(_, own)| *own == fate);
    if with(Fate::Solid).next().is_some() {
        if observed.owners.iter().any(|(_, fate)| *fate != Fate::Solid) {
            let solid = with(Fate::Solid).map(|(reference, _)| reference.clone()).collect();
            plan.actions.push(patch(live, owner_references(solid)));
        }
    } else if with(Fate::Waiting).next().is_some() && !observed.dependents.is_empty() {
        // A dependent that itself waits for its owner would wait for ever: a circle of foreground deletions is cut here.
        if observed.dependents.iter().any(|dependent| dependent.waits_for_dependents()) {
            let unblocked = live
                .owners()
                .iter()
                .cloned()
                .map(|reference| OwnerReference { block_owner_deletion: Some(false), ..reference });
            plan.actions.push(patch(live, owner_references(unblocked.collect())));
        }
        plan.actions.push(delete(live, Propagation::Foreground));
    } else {
        let propagation = match () {
            () if live.has(ORPHAN) => Propagation::Orphan,
            () if live.has(FOREGROUND) => Propagation::Foreground,
            () => Propagation::Background,
        };
        plan.actions.push(delete(live, propagation));
    }
    if observed.is_early {
        plan.requeue_after(EARLY);
    }
    (plan, Vec::new())
}

/// Lets go of an owner nothing waits for any more; else looks after what it waits for.
fn wait(plan: &mut Plan, observed: &Observed) -> Vec<String> {
    let live = &observed.live;
    let blocking = observed.dependents.iter().filter(|dependent| dependent.blocks(live.uid()));
    let blocking: Vec<_> = blocking.collect();
    if blocking.is_empty() {
        plan.actions.push(without_finalizer(live, FOREGROUND));
        return Vec::new();
    }
    blocking
        .into_iter()
        .filter(|dependent| !dependent.waits_for_dependents())
        .map(|dependent| dependent.uid().to_owned())
        .collect()
}

fn orphan(plan: &mut Plan, live: &Node, observed: &Observed) {
    for dependent in &observed.dependents {
        let others = dependent.owners().iter().filter(|reference| reference.uid != live.uid()).cloned().collect();
        plan.actions.push(patch(dependent, owner_references(others)));
    }
    plan.actions.push(without_finalizer(live, ORPHAN));
}

fn owner_references(owners: Vec<OwnerReference>) -> Value {
    json!({"ownerReferences": if owners.is_empty() { Value::Null } else { json!(owners) }})
}

fn without_finalizer(node: &Node, finalizer: &str) -> Action {
    let left: Vec<&String> = node.finalizers().iter().filter(|own| *own != finalizer).collect();
    patch(node, json!({"finalizers": if left.is_empty() { Value::Null } else { json!(left) }}))
}

/// A merge patch of the metadata of exactly the object and revision observed.
fn patch(node: &Node, mut metadata: Value) -> Action {
    metadata["uid"] = json!(node.uid());
    metadata["resourceVersion"] = json!(node.revision());
    Action::Patch {
        target: target(node),
        subresource: None,
        kind: PatchKind::Merge,
        patch: json!({"metadata": metadata}),
    }
}

fn delete(node: &Node, propagation: Propagation) -> Action {
    let options = DeleteOptions {
        uid: Some(node.uid().to_owned()),
        resource_version: None,
        propagation: Some(propagation),
        grace_period_seconds: None,
    };
    Action::Delete { target: target(node), options, report: None }
}

fn target(node: &Node) -> Target {
    Target { resource: (*node.resource).clone(), key: node.key() }
}

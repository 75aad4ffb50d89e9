//! Keeping a number of Pods of one template: what ReplicaSet and ReplicationController share, as upstream shares it.

use std::sync::Arc;
use std::time::Duration;

use api::selector::LabelSelector;
use client::Object;
use client::events::Regarding;
use client::runtime::{Failure, Plan, Report};
use jiff::Timestamp;
use k8s_openapi::Resource;
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};

use crate::numbers::{count, nonzero};
use crate::ownership::{Claim, controller_of};
use crate::pods;
use crate::template;

/// A kind that keeps replicas.
pub trait Replicated: Object + Resource {
    fn replicas(&self) -> i32;
    fn min_ready_seconds(&self) -> i32;
    fn selector(&self) -> LabelSelector;
    fn template(&self) -> Option<&PodTemplateSpec>;
    /// Puts the new status into the plan, if it differs.
    fn set_status(&self, plan: &mut Plan, status: &Status, now: Timestamp);
}

/// The counts of a status, as fields that are left out when zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    pub replicas: i32,
    pub fully_labeled: Option<i32>,
    pub ready: Option<i32>,
    pub available: Option<i32>,
    pub terminating: i32,
    /// Reason and message of the ReplicaFailure condition.
    pub failure: Option<(&'static str, String)>,
}

/// At most so many Pods are made or given up in one go.
const BURST: usize = 500;

/// Everything a reconcile looks at.
pub struct Observed<'a, O> {
    pub owner: &'a O,
    /// Its Pods and the orphans of its namespace.
    pub candidates: &'a [Arc<Pod>],
    /// All Pods that share the owner's own controller: they rank victims by how crowded a node is.
    pub kin: &'a [Arc<Pod>],
    pub failure: Option<&'a Failure>,
    pub now: Timestamp,
}

/// Adopts, releases, creates, deletes, and reports.
pub fn reconcile<O: Replicated>(observed: &Observed<O>) -> Plan {
    let mut plan = Plan::new();
    let owner = observed.owner;
    let selector = owner.selector();
    let alive: Vec<Arc<Pod>> = observed.candidates.iter().filter(|pod| pods::is_active(pod)).cloned().collect();
    let active = Claim { owner, selector: &selector }.objects(&mut plan, &alive);
    let difference = i64::try_from(active.len()).unwrap_or(i64::MAX) - i64::from(owner.replicas());
    if observed.failure.is_some() {
        // The plan just failed; only its status is wanted now.
        plan = Plan::new();
    } else if !owner.is_deleting() {
        scale(&mut plan, observed, &active, difference);
    }
    let failure = observed.failure.map(|failure| {
        let reason = if difference < 0 { "FailedCreate" } else { "FailedDelete" };
        (reason, failure.error.to_string())
    });
    let terminating = observed.candidates.iter().filter(|pod| pods::is_terminating(pod) && is_ours(owner, pod)).count();
    let status = status(owner, &active, count(terminating), failure, observed.now);
    let waits_for_availability = status.ready == nonzero(owner.replicas()) && status.available != status.ready;
    owner.set_status(&mut plan, &status, observed.now);
    if owner.min_ready_seconds() > 0
        && waits_for_availability
        && let Some(wait) = next_availability(owner, &active, observed.now)
    {
        plan.requeue_after(wait);
    }
    plan
}

fn is_ours<O: Replicated>(owner: &O, pod: &Pod) -> bool {
    controller_of(&pod.metadata).is_some_and(|reference| reference.uid == owner.uid())
}

fn scale<O: Replicated>(plan: &mut Plan, observed: &Observed<O>, active: &[Arc<Pod>], difference: i64) {
    let owner = observed.owner;
    let burst = usize::try_from(difference.unsigned_abs()).unwrap_or(BURST).min(BURST);
    if difference < 0 {
        let Some(template) = owner.template() else { return };
        let pod = template::pod(template, owner);
        let report =
            report(owner, ("SuccessfulCreate", "Created pod: {name}"), ("FailedCreate", "Error creating: {error}"));
        (0..burst).for_each(|_| plan.create(&pod, Some(report.clone())));
    } else if difference > 0 {
        let report =
            report(owner, ("SuccessfulDelete", "Deleted pod: {name}"), ("FailedDelete", "Error deleting: {error}"));
        for pod in victims(observed, active, burst) {
            plan.delete(&*pod, Some(report.clone()));
        }
    }
}

/// Events about creating and deleting Pods.
pub fn report<O: Object + Resource>(owner: &O, success: (&'static str, &str), failure: (&'static str, &str)) -> Report {
    Report {
        regarding: Regarding::of(owner),
        success: Some((success.0, success.1.to_owned())),
        failure: Some((failure.0, failure.1.to_owned())),
    }
}

fn victims<O: Replicated>(observed: &Observed<O>, active: &[Arc<Pod>], number: usize) -> Vec<Arc<Pod>> {
    let crowd = |pod: &Pod| {
        let on_node =
            observed.kin.iter().filter(|kin| pods::is_active(kin) && pods::node_name(kin) == pods::node_name(pod));
        on_node.count()
    };
    let mut ranked: Vec<(Arc<Pod>, usize)> = active.iter().map(|pod| (pod.clone(), crowd(pod))).collect();
    if number < ranked.len() {
        pods::sort_for_deletion(&mut ranked, observed.now);
    }
    ranked.into_iter().take(number).map(|(pod, _)| pod).collect()
}

fn status<O: Replicated>(
    owner: &O,
    active: &[Arc<Pod>],
    terminating: i32,
    failure: Option<(&'static str, String)>,
    now: Timestamp,
) -> Status {
    let labels = owner.template().and_then(|template| template.metadata.as_ref()?.labels.clone()).unwrap_or_default();
    let has_all_labels = |pod: &Pod| labels.iter().all(|(name, value)| pod.label(name) == Some(value));
    let number = |matches: &dyn Fn(&Pod) -> bool| nonzero(count(active.iter().filter(|pod| matches(pod)).count()));
    Status {
        replicas: count(active.len()),
        fully_labeled: number(&has_all_labels),
        ready: number(&pods::is_ready),
        available: number(&|pod| pods::is_available(pod, owner.min_ready_seconds(), now)),
        terminating,
        failure,
    }
}

/// When the next ready Pod will have been ready long enough.
fn next_availability<O: Replicated>(owner: &O, active: &[Arc<Pod>], now: Timestamp) -> Option<Duration> {
    let waits = active.iter().filter_map(|pod| pods::until_available(pod, owner.min_ready_seconds(), now));
    waits.filter(|wait| !wait.is_zero()).min()
}

//! One step of a set: in order (or all at once) makes what is missing, then gives up what is beyond the line, then replaces
//! what has an old template.

use std::sync::Arc;

use client::Object;
use client::events::Regarding;
use client::runtime::Plan;
use k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSet};
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};

use super::line::{Line, is_running_and_ready, start};
use super::reconcile::Observed;
use super::status::Revisions;
use super::{claims, identity, rolling};
use crate::history::template_of;
use crate::pods;
use crate::replicas::report;

pub struct Step<'a> {
    pub observed: &'a Observed<'a>,
    pub line: &'a Line,
    pub revisions: &'a Revisions,
    pub known: &'a [Arc<ControllerRevision>],
}

/// Whether the next in line may be looked at.
#[derive(PartialEq, Eq)]
enum Next {
    Go,
    Wait,
}

impl Step<'_> {
    fn set(&self) -> &StatefulSet {
        self.observed.set
    }

    pub fn plan(&self, plan: &mut Plan) {
        let is_ordered = self.set().spec.pod_management_policy.as_deref() != Some("Parallel");
        for (ordinal, pod) in &self.line.places {
            if self.keep(plan, (*ordinal, pod.as_deref()), is_ordered) == Next::Wait && is_ordered {
                return;
            }
        }
        for (ordinal, pod) in &self.line.condemned {
            claims::retain(plan, self.observed, (*ordinal, pod), true);
        }
        let first_unwell = self.line.first_unwell();
        for (_, pod) in &self.line.condemned {
            if self.give_up(plan, pod, is_ordered.then_some(first_unwell)) == Next::Wait && is_ordered {
                return;
            }
        }
        for pod in rolling::outdated(self.set(), self.line, &self.revisions.update) {
            self.delete(plan, pod);
        }
    }

    /// Makes a missing Pod, replaces one that has ended, in order waits for one that is not well.
    fn keep(&self, plan: &mut Plan, (ordinal, pod): (i32, Option<&Pod>), is_ordered: bool) -> Next {
        let Some(pod) = pod else {
            self.create(plan, ordinal);
            return Next::Wait;
        };
        if pods::is_terminal(pod) {
            if !pod.is_deleting() {
                self.replace(plan, pod);
            }
            return Next::Wait;
        }
        if pods::phase(pod) == "Pending" {
            claims::make(plan, self.observed, (ordinal, pod));
        }
        if !self.line.is_well(pod) {
            if let Some(wait) = self.line.until_available(pod) {
                plan.requeue_after(wait);
            }
            if is_ordered {
                return Next::Wait;
            }
        }
        identity::restore(plan, pod, ordinal);
        claims::retain(plan, self.observed, (ordinal, pod), false);
        Next::Go
    }

    fn replace(&self, plan: &mut Plan, pod: &Pod) {
        let set = self.set();
        let (reason, state) = match pods::phase(pod) {
            "Failed" => ("RecreatingFailedPod", "failed"),
            _ => ("RecreatingTerminatedPod", "terminated"),
        };
        let (namespace, name) = (set.namespace(), set.name());
        let message = format!("StatefulSet {namespace}/{name} is recreating {state} Pod {}", pod.name());
        plan.warning(Regarding::of(set), reason, message);
        self.delete(plan, pod);
    }

    fn create(&self, plan: &mut Plan, ordinal: i32) {
        let set = self.set();
        let (template, revision) = self.template(ordinal);
        let pod = identity::pod(set, &template, &revision, ordinal);
        if claims::are_stale(self.observed, (ordinal, &pod)) {
            return;
        }
        claims::make(plan, self.observed, (ordinal, &pod));
        claims::retain(plan, self.observed, (ordinal, &pod), false);
        let what = format!("create Pod {} in StatefulSet {}", pod.name(), set.name());
        let (done, failed) = (format!("{what} successful"), format!("{what} failed error: {{error}}"));
        plan.create(&pod, Some(report(set, ("SuccessfulCreate", &done), ("FailedCreate", &failed))));
    }

    /// The template of a place and its revision: below the partition of a rolling update, the present one.
    fn template(&self, ordinal: i32) -> (PodTemplateSpec, String) {
        let set = self.set();
        let keeps = rolling::partition(set).is_some_and(|partition| ordinal < start(set).saturating_add(partition));
        let current = self.known.iter().find(|revision| revision.name() == self.revisions.current);
        match current.filter(|_| keeps).and_then(|revision| template_of(revision)) {
            Some(template) => (template, self.revisions.current.clone()),
            None => (set.spec.template.clone(), self.revisions.update.clone()),
        }
    }

    /// Gives a Pod beyond the line up. In order, an unwell Pod only goes when no other before it is unwell.
    fn give_up(&self, plan: &mut Plan, pod: &Pod, first_unwell: Option<Option<&str>>) -> Next {
        if pod.is_deleting() {
            return Next::Wait;
        }
        let is_well = is_running_and_ready(pod) && self.line.is_available(pod);
        if first_unwell.is_some_and(|first| !is_well && first != Some(pod.name())) {
            return Next::Wait;
        }
        self.delete(plan, pod);
        Next::Wait
    }

    fn delete(&self, plan: &mut Plan, pod: &Pod) {
        let set = self.set();
        let what = format!("delete Pod {} in StatefulSet {}", pod.name(), set.name());
        let (done, failed) = (format!("{what} successful"), format!("{what} failed error: {{error}}"));
        plan.delete(pod, Some(report(set, ("SuccessfulDelete", &done), ("FailedDelete", &failed))));
    }
}

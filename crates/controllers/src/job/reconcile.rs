//! The decision: which Pods to make, give up and count, and what the status says.

use std::sync::Arc;
use std::time::Duration;

use client::Object;
use client::events::Regarding;
use client::runtime::Plan;
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{Job, JobStatus};
use k8s_openapi::api::core::v1::Pod;

use super::conditions::{self, COMPLETE, FAILED, SUSPENDED};
use super::tracking::{self, Tracked};
use super::verdict::{self, Verdict};
use super::{backoff, indexes, new_pods, spec};
use crate::numbers::{count, nonzero, remaining, time};
use crate::pods;
use crate::replicas::report;

pub struct Observed<'a> {
    pub job: &'a Job,
    /// Its Pods, ended ones too.
    pub pods: &'a [Arc<Pod>],
    pub now: Timestamp,
}

/// At most so many Pods are made or given up in one go.
const BURST: usize = 500;

pub fn reconcile(mut plan: Plan, observed: &Observed) -> Plan {
    let Observed { job, pods: all, now } = *observed;
    let active: Vec<Arc<Pod>> = all.iter().filter(|pod| pods::is_active(pod)).cloned().collect();
    let mut tracked = tracking::track(job, all);
    begin(&mut tracked.status, job, now);
    let verdict = verdict::reach(job, all, &tracked, active.len(), now);
    match &verdict {
        Some(verdict) => end(&mut plan, observed, &mut tracked, verdict, &active),
        None if job.is_deleting() => {}
        None if spec::is_suspended(job) => suspend(&mut plan, observed, &mut tracked, &active),
        None => manage(&mut plan, observed, &mut tracked, &active),
    }
    let terminating = all.iter().filter(|pod| pods::is_terminating(pod)).count();
    let status = &mut tracked.status;
    status.active = nonzero(count(active.len()));
    status.ready = Some(count(active.iter().filter(|pod| pods::is_ready(pod)).count()));
    status.terminating = Some(count(terminating));
    status.conditions = status.conditions.take().filter(|conditions| !conditions.is_empty());
    plan.update_status(job, &Job { status: Some(status.clone()), ..job.clone() });
    // Finalizers go only after the status that counts their Pods.
    tracked.release.iter().for_each(|pod| tracking::release(&mut plan, pod));
    plan
}

fn begin(status: &mut JobStatus, job: &Job, now: Timestamp) {
    if status.start_time.is_none() && !spec::is_suspended(job) {
        status.start_time = Some(time(now));
    }
}

/// Gives up what still runs; once all of it is gone and counted, says how the Job ended.
fn end(plan: &mut Plan, observed: &Observed, tracked: &mut Tracked, verdict: &Verdict, active: &[Arc<Pod>]) {
    let Observed { job, pods: all, now } = *observed;
    let reason = (verdict.reason.as_str(), verdict.message.as_str());
    let is_news = conditions::set(&mut tracked.status, verdict.interim(), true, reason, now);
    delete(plan, job, active.iter().cloned());
    let is_clean = active.is_empty() && !all.iter().any(|pod| pods::is_terminating(pod));
    if !is_clean || !tracked.is_settled || is_news && !active.is_empty() {
        return;
    }
    let regarding = Regarding::of(job);
    if verdict.is_success {
        conditions::set(&mut tracked.status, COMPLETE, true, reason, now);
        tracked.status.completion_time = Some(time(now));
        plan.normal(regarding, "Completed", "Job completed");
    } else {
        conditions::set(&mut tracked.status, FAILED, true, reason, now);
        plan.warning(
            regarding,
            FAILURE_REASONS.iter().find(|own| **own == verdict.reason).copied().unwrap_or(FAILED),
            &verdict.message,
        );
    }
}

/// The reasons a Job fails for; an event's reason is one of these.
const FAILURE_REASONS: [&str; 5] =
    ["BackoffLimitExceeded", "DeadlineExceeded", "PodFailurePolicy", "MaxFailedIndexesExceeded", "FailedIndexes"];

fn suspend(plan: &mut Plan, observed: &Observed, tracked: &mut Tracked, active: &[Arc<Pod>]) {
    let Observed { job, now, .. } = *observed;
    delete(plan, job, active.iter().cloned());
    if conditions::set(&mut tracked.status, SUSPENDED, true, ("JobSuspended", "Job suspended"), now) {
        plan.normal(Regarding::of(job), "Suspended", "Job suspended");
    }
    tracked.status.start_time = None;
}

fn manage(plan: &mut Plan, observed: &Observed, tracked: &mut Tracked, active: &[Arc<Pod>]) {
    let Observed { job, pods: all, now } = *observed;
    if conditions::find(&tracked.status, SUSPENDED).is_some() {
        conditions::set(&mut tracked.status, SUSPENDED, false, ("JobResumed", "Job resumed"), now);
        plan.normal(Regarding::of(job), "Resumed", "Job resumed");
        tracked.status.start_time = Some(time(now));
    }
    if let (Some(deadline), Some(start)) = (spec::active_deadline(job), &tracked.status.start_time) {
        plan.requeue_after(remaining(start.0, deadline, now));
    }
    let duplicates = duplicates(job, active, tracked, now);
    let kept: Vec<Arc<Pod>> =
        active.iter().filter(|pod| !duplicates.iter().any(|other| other.uid() == pod.uid())).cloned().collect();
    delete(plan, job, duplicates.into_iter());
    let wanted = wanted(job, tracked, kept.len());
    if kept.len() > wanted {
        let mut ranked: Vec<(Arc<Pod>, usize)> = kept.iter().map(|pod| (pod.clone(), 0)).collect();
        pods::sort_for_deletion(&mut ranked, now);
        delete(plan, job, ranked.into_iter().map(|(pod, _)| pod).take((kept.len() - wanted).min(BURST)));
        return;
    }
    let held =
        if spec::replaces_failed_only(job) { all.iter().filter(|pod| pods::is_terminating(pod)).count() } else { 0 };
    let missing = wanted.saturating_sub(kept.len() + held).min(BURST);
    if missing == 0 {
        return;
    }
    // Where failures are counted by index, each index waits for itself.
    let wait = if tracked.failed_indexes.is_some() { Duration::ZERO } else { backoff::wait(all, now) };
    if !wait.is_zero() {
        plan.requeue_after(wait);
        return;
    }
    let report = report(job, ("SuccessfulCreate", "Created pod: {name}"), ("FailedCreate", "Error creating: {error}"));
    let (made, wait) = new_pods::make(job, &kept, tracked, missing, now);
    wait.into_iter().for_each(|wait| plan.requeue_after(wait));
    for pod in made {
        plan.create(&pod, Some(report.clone()));
    }
}

/// How many Pods should be active.
fn wanted(job: &Job, tracked: &Tracked, active: usize) -> usize {
    let parallelism = usize::try_from(spec::parallelism(job)).unwrap_or(0);
    let failed = tracked.failed_indexes.as_ref().map_or(0, |failed| count(failed.len()));
    match spec::completions(job) {
        None if tracked.succeeded > 0 => active.min(parallelism),
        None => parallelism,
        Some(completions) => parallelism.min(usize::try_from(completions - tracked.succeeded - failed).unwrap_or(0)),
    }
}

/// Of an indexed Job: Pods whose index is done, out of range, or held by another Pod too.
fn duplicates(job: &Job, active: &[Arc<Pod>], tracked: &Tracked, now: Timestamp) -> Vec<Arc<Pod>> {
    if !spec::is_indexed(job) {
        return Vec::new();
    }
    let completions = spec::completions(job).unwrap_or(0);
    let mut ranked: Vec<(Arc<Pod>, usize)> = active.iter().map(|pod| (pod.clone(), 0)).collect();
    pods::sort_for_deletion(&mut ranked, now);
    // The ones missed most come first here, and take their index.
    let mut taken = tracked.done();
    let surplus = ranked.into_iter().rev().map(|(pod, _)| pod).filter(|pod| match indexes::of(pod) {
        Some(index) if index < completions => !taken.insert(index),
        _ => true,
    });
    surplus.collect()
}

fn delete(plan: &mut Plan, job: &Job, pods: impl Iterator<Item = Arc<Pod>>) {
    let report = report(job, ("SuccessfulDelete", "Deleted pod: {name}"), ("FailedDelete", "Error deleting: {error}"));
    pods.for_each(|pod| plan.delete(&*pod, Some(report.clone())));
}

//! Counting each ended Pod exactly once: its uid goes into the status, then its finalizer goes, then the count goes up.
//! Whatever is interrupted, the finalizer keeps the Pod until it has been counted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use client::Object;
use client::runtime::Plan;
use k8s_openapi::api::batch::v1::{Job, JobStatus, UncountedTerminatedPods};
use k8s_openapi::api::core::v1::Pod;
use serde_json::json;

use super::conditions::{self, FAILURE_TARGET, SUCCESS_CRITERIA_MET};
use super::failure_policy::{self, Verdict};
use super::{indexes, per_index, spec};
use crate::numbers::{count, nonzero};
use crate::ownership::{controller_key, is_controlled_by};
use crate::pods;

pub const FINALIZER: &str = "batch.kubernetes.io/job-tracking";

/// The index of the Pods that still wait to be counted, by the key of their Job.
pub const BY_JOB: &str = "tracked by Job";

pub fn by_job(pod: &Pod) -> Vec<String> {
    controller_key::<Job>(&pod.metadata).filter(|_| is_tracked(pod)).map(|key| key.to_string()).into_iter().collect()
}

/// At most so many uids wait to be counted.
const MOST: usize = 500;

pub fn is_tracked(pod: &Pod) -> bool {
    pod.metadata.finalizers.iter().flatten().any(|finalizer| finalizer == FINALIZER)
}

/// Whether a Pod counts as failed: a deleted one does too, unless Pods are replaced only once they have really failed.
pub fn has_failed(job: &Job, pod: &Pod) -> bool {
    match pods::phase(pod) {
        "Failed" => true,
        "Succeeded" => false,
        _ => pod.is_deleting() && !spec::replaces_failed_only(job),
    }
}

/// The counts after everything that has ended is taken into account, written or not.
pub struct Tracked {
    pub status: JobStatus,
    /// Counted or about to be.
    pub succeeded: i32,
    pub failed: i32,
    pub completed: BTreeSet<i32>,
    /// Indexes that failed for good; none where failures are not counted by index.
    pub failed_indexes: Option<BTreeSet<i32>>,
    /// Failed Pods, by index, that keep their finalizer until they are replaced.
    pub to_replace: BTreeMap<i32, Arc<Pod>>,
    /// Nothing is waiting to be counted.
    pub is_settled: bool,
    /// Pods whose finalizer may go once the status is written.
    pub release: Vec<Arc<Pod>>,
}

impl Tracked {
    /// Indexes that need no Pod any more.
    pub fn done(&self) -> BTreeSet<i32> {
        self.completed.iter().chain(self.failed_indexes.iter().flatten()).copied().collect()
    }
}

pub fn track(job: &Job, all: &[Arc<Pod>]) -> Tracked {
    let mut status = job.status.clone().unwrap_or_default();
    let waiting = status.uncounted_terminated_pods.take().unwrap_or_default();
    let tracked: BTreeSet<&str> = all.iter().filter(|pod| is_tracked(pod)).map(|pod| pod.uid()).collect();
    let settle = |uids: Option<Vec<String>>| -> (Vec<String>, i32) {
        let (still, done): (Vec<String>, Vec<String>) =
            uids.unwrap_or_default().into_iter().partition(|uid| tracked.contains(uid.as_str()));
        (still, count(done.len()))
    };
    let (mut succeeded, counted_succeeded) = settle(waiting.succeeded);
    let (mut failed, counted_failed) = settle(waiting.failed);
    status.failed = nonzero(status.failed.unwrap_or(0) + counted_failed);
    let completions = spec::completions(job).unwrap_or(0);
    let mut completed = indexes::parse(status.completed_indexes.as_deref().unwrap_or_default(), completions);
    if !spec::is_indexed(job) {
        status.succeeded = nonzero(status.succeeded.unwrap_or(0) + counted_succeeded);
    } else {
        let succeeded = all.iter().filter(|pod| is_tracked(pod) && pods::phase(pod) == "Succeeded");
        completed.extend(succeeded.filter_map(|pod| indexes::of(pod)).filter(|index| *index < completions));
    }
    let failed_indexes = per_index::failed(job, all);
    let to_replace = failed_indexes
        .as_ref()
        .filter(|_| !has_verdict(&status))
        .map(|failed| per_index::last_failed(job, all, &completed, failed))
        .unwrap_or_default();
    let is_kept = |pod: &Pod| to_replace.values().any(|kept| kept.uid() == pod.uid());
    let mut release = Vec::new();
    for pod in all.iter().filter(|pod| is_tracked(pod) && !is_kept(pod)) {
        let uid = pod.uid().to_owned();
        if pods::phase(pod) == "Succeeded" {
            if spec::is_indexed(job) {
                // The set of indexes is the count, so no uid has to wait.
                release.push(pod.clone());
            } else if take(&mut succeeded, &uid) {
                release.push(pod.clone());
            }
        } else if has_failed(job, pod) {
            let is_ignored = failure_policy::judge(job, pod) == Verdict::Ignore;
            if is_ignored || take(&mut failed, &uid) {
                release.push(pod.clone());
            }
        }
    }
    if spec::is_indexed(job) {
        status.completed_indexes = Some(indexes::format(&completed)).filter(|text| !text.is_empty());
        status.succeeded = nonzero(count(completed.len()));
    }
    status.failed_indexes = failed_indexes.as_ref().map(indexes::format);
    let totals =
        (status.succeeded.unwrap_or(0) + count(succeeded.len()), status.failed.unwrap_or(0) + count(failed.len()));
    let is_settled = succeeded.is_empty() && failed.is_empty() && release.is_empty() && to_replace.is_empty();
    let list = |uids: Vec<String>| (!uids.is_empty()).then_some(uids);
    status.uncounted_terminated_pods =
        Some(UncountedTerminatedPods { succeeded: list(succeeded), failed: list(failed) });
    let (succeeded, failed) = totals;
    Tracked { status, succeeded, failed, completed, failed_indexes, to_replace, is_settled, release }
}

/// Once it is said how the Job ends, nothing is replaced any more.
fn has_verdict(status: &JobStatus) -> bool {
    [FAILURE_TARGET, SUCCESS_CRITERIA_MET].iter().any(|kind| conditions::find(status, kind).is_some())
}

/// Puts a uid on the list of those to be counted; false if there is no room.
fn take(list: &mut Vec<String>, uid: &str) -> bool {
    if list.iter().any(|own| own == uid) {
        return true;
    }
    if list.len() >= MOST {
        return false;
    }
    list.push(uid.to_owned());
    true
}

/// Takes the finalizer off a Pod.
pub fn release(plan: &mut Plan, pod: &Pod) {
    let left: Vec<&String> =
        pod.metadata.finalizers.iter().flatten().filter(|finalizer| *finalizer != FINALIZER).collect();
    let version = &pod.metadata.resource_version;
    plan.patch(pod, json!({"metadata": {"uid": pod.uid(), "resourceVersion": version, "finalizers": left}}));
}

/// Pods of a Job that has ended, or is another's to manage, are not ours to hold.
pub fn release_leftovers(plan: &mut Plan, job: &Job, candidates: &[Arc<Pod>]) {
    for pod in candidates.iter().filter(|pod| is_controlled_by(&pod.metadata, job) && is_tracked(pod)) {
        release(plan, pod);
    }
}

/// Pods of a Job that is gone (or has a successor of its name) will never be counted: nothing may hold them (upstream's
/// syncOrphanPod).
pub fn release_orphans(plan: &mut Plan, job: Option<&Job>, tracked: &[Arc<Pod>]) {
    for pod in tracked.iter().filter(|pod| !job.is_some_and(|job| is_controlled_by(&pod.metadata, job))) {
        release(plan, pod);
    }
}

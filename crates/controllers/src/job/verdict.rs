//! Whether a Job has come to its end, and why.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{Job, JobStatus};
use k8s_openapi::api::core::v1::Pod;

use super::conditions::{self, FAILURE_TARGET, SUCCESS_CRITERIA_MET};
use super::failure_policy::{self, Verdict as PodVerdict};
use super::tracking::{Tracked, has_failed, is_tracked};
use super::{indexes, spec};
use crate::numbers::{count, remaining};

/// How a Job ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub is_success: bool,
    pub reason: String,
    pub message: String,
}

impl Verdict {
    fn failure(reason: &str, message: impl Into<String>) -> Self {
        Self { is_success: false, reason: reason.to_owned(), message: message.into() }
    }

    fn success(reason: &str, message: impl Into<String>) -> Self {
        Self { is_success: true, reason: reason.to_owned(), message: message.into() }
    }

    /// The condition that says so while Pods are still cleaned up.
    pub fn interim(&self) -> &'static str {
        if self.is_success { SUCCESS_CRITERIA_MET } else { FAILURE_TARGET }
    }
}

/// A verdict once given stands; else failures come before success.
pub fn reach(job: &Job, all: &[Arc<Pod>], tracked: &Tracked, active: usize, now: Timestamp) -> Option<Verdict> {
    given(&tracked.status)
        .or_else(|| by_failure_policy(job, all))
        .or_else(|| by_backoff_limit(job, all, tracked))
        .or_else(|| by_deadline(job, now))
        .or_else(|| by_failed_indexes(job, tracked))
        .or_else(|| by_success_policy(job, tracked))
        .or_else(|| by_completions(job, tracked, active))
}

fn given(status: &JobStatus) -> Option<Verdict> {
    let interim = |condition_type: &str| conditions::find(status, condition_type);
    let (is_success, condition) = match (interim(FAILURE_TARGET), interim(SUCCESS_CRITERIA_MET)) {
        (Some(condition), _) => (false, condition),
        (None, Some(condition)) => (true, condition),
        (None, None) => return None,
    };
    let reason = condition.reason.clone().unwrap_or_default();
    Some(Verdict { is_success, reason, message: condition.message.clone().unwrap_or_default() })
}

fn by_failure_policy(job: &Job, all: &[Arc<Pod>]) -> Option<Verdict> {
    let failed = all.iter().filter(|pod| is_tracked(pod) && has_failed(job, pod));
    let mut verdicts = failed.map(|pod| failure_policy::judge(job, pod));
    verdicts.find_map(|verdict| match verdict {
        PodVerdict::FailJob(message) => Some(Verdict::failure("PodFailurePolicy", message)),
        _ => None,
    })
}

fn by_backoff_limit(job: &Job, all: &[Arc<Pod>], tracked: &Tracked) -> Option<Verdict> {
    let limit = spec::backoff_limit(job);
    let exceeded = tracked.failed > limit || (spec::restarts_on_failure(job) && restarts_exceed(all, limit));
    exceeded.then(|| Verdict::failure("BackoffLimitExceeded", "Job has reached the specified backoff limit"))
}

/// Restarts in place count like failed Pods.
fn restarts_exceed(all: &[Arc<Pod>], limit: i32) -> bool {
    let running = all.iter().filter(|pod| matches!(crate::pods::phase(pod), "Running" | "Pending"));
    let containers = running.filter_map(|pod| pod.status.as_ref()).flat_map(|status| {
        status.container_statuses.iter().flatten().chain(status.init_container_statuses.iter().flatten())
    });
    let restarts: i32 = containers.map(|container| container.restart_count).sum();
    if limit == 0 { restarts > 0 } else { restarts >= limit }
}

fn by_deadline(job: &Job, now: Timestamp) -> Option<Verdict> {
    let deadline = spec::active_deadline(job)?;
    let start = job.status.as_ref()?.start_time.as_ref()?.0;
    let has_passed = !spec::is_suspended(job) && remaining(start, deadline, now).is_zero();
    has_passed.then(|| Verdict::failure("DeadlineExceeded", "Job was active longer than specified deadline"))
}

/// For Jobs that count failures by index: too many indexes have failed, or none is left to try.
fn by_failed_indexes(job: &Job, tracked: &Tracked) -> Option<Verdict> {
    let failed = tracked.failed_indexes.as_ref().filter(|failed| !failed.is_empty())?;
    let number = count(failed.len());
    if spec::max_failed_indexes(job).is_some_and(|most| number > most) {
        let message = "Job has exceeded the specified maximal number of failed indexes";
        return Some(Verdict::failure("MaxFailedIndexesExceeded", message));
    }
    let is_through = number + count(tracked.completed.len()) >= spec::completions(job)?;
    is_through.then(|| Verdict::failure("FailedIndexes", "Job has failed indexes"))
}

fn by_success_policy(job: &Job, tracked: &Tracked) -> Option<Verdict> {
    let policy = job.spec.as_ref()?.success_policy.as_ref()?;
    let completions = spec::completions(job).filter(|_| spec::is_indexed(job))?;
    for (number, rule) in policy.rules.iter().enumerate() {
        let wanted = rule.succeeded_indexes.as_ref().map(|text| indexes::parse(text, completions));
        let done = match &wanted {
            Some(wanted) => tracked.completed.intersection(wanted).count(),
            None => tracked.completed.len(),
        };
        let needed = rule.succeeded_count.unwrap_or_else(|| count(wanted.map_or(usize::MAX, |wanted| wanted.len())));
        if count(done) >= needed {
            return Some(Verdict::success("SuccessPolicy", format!("Matched rules at index {number}")));
        }
    }
    None
}

fn by_completions(job: &Job, tracked: &Tracked, active: usize) -> Option<Verdict> {
    if spec::is_suspended(job) && tracked.succeeded == 0 {
        return None;
    }
    let is_reached = match spec::completions(job) {
        // Without a number the first success means that all may stop when they are done.
        None => tracked.succeeded > 0 && active == 0,
        Some(completions) => tracked.succeeded >= completions,
    };
    is_reached.then(|| Verdict::success("CompletionsReached", "Reached expected number of succeeded pods"))
}

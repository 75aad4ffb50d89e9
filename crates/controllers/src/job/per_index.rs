//! backoffLimitPerIndex: failures are counted by index, in an annotation that each Pod takes over from the one it replaces. The last
//! failed Pod of an index keeps its finalizer until its replacement is there, so that the count is never lost.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use client::Object;
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;

use super::failure_policy::{self, Verdict};
use super::tracking::{has_failed, is_tracked};
use super::{backoff, indexes, spec};
use crate::pods;

/// Failures of the index before this Pod that count.
const FAILURES: &str = "batch.kubernetes.io/job-index-failure-count";
/// Failures of the index before this Pod that podFailurePolicy ignores.
const IGNORED: &str = "batch.kubernetes.io/job-index-ignored-failure-count";

fn count(pod: &Pod, annotation: &str) -> i32 {
    pod.annotation(annotation).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Whether this failed Pod was its index's last chance.
fn fails_index(job: &Job, pod: &Pod, limit: i32) -> bool {
    match failure_policy::judge(job, pod) {
        Verdict::FailIndex => true,
        Verdict::Ignore => false,
        Verdict::Count | Verdict::FailJob(_) => count(pod, FAILURES) >= limit,
    }
}

/// The indexes that have failed for good: those the status knows, and those whose Pods say so now.
pub fn failed(job: &Job, all: &[Arc<Pod>]) -> Option<BTreeSet<i32>> {
    let limit = spec::backoff_limit_per_index(job)?;
    let completions = spec::completions(job).unwrap_or(0);
    let known = job.status.as_ref().and_then(|status| status.failed_indexes.as_deref()).unwrap_or_default();
    let mut failed = indexes::parse(known, completions);
    let news = all.iter().filter(|pod| is_tracked(pod) && has_failed(job, pod) && fails_index(job, pod, limit));
    failed.extend(news.filter_map(|pod| indexes::of(pod)).filter(|index| *index < completions));
    Some(failed)
}

/// By index: the last failed Pod that a replacement has yet to take over from.
pub fn last_failed(
    job: &Job,
    all: &[Arc<Pod>],
    completed: &BTreeSet<i32>,
    failed: &BTreeSet<i32>,
) -> BTreeMap<i32, Arc<Pod>> {
    let completions = spec::completions(job).unwrap_or(0);
    let replaced: BTreeSet<i32> =
        all.iter().filter(|pod| pods::is_active(pod)).filter_map(|pod| indexes::of(pod)).collect();
    let mut last: BTreeMap<i32, Arc<Pod>> = BTreeMap::new();
    for pod in all.iter().filter(|pod| is_tracked(pod) && has_failed(job, pod)) {
        let Some(index) = indexes::of(pod).filter(|index| *index < completions) else { continue };
        if completed.contains(&index) || failed.contains(&index) || replaced.contains(&index) {
            continue;
        }
        let rank = |pod: &Pod| (total(pod), backoff::finished_at(pod));
        if last.get(&index).is_none_or(|other| rank(other) <= rank(pod)) {
            last.insert(index, pod.clone());
        }
    }
    last
}

fn total(pod: &Pod) -> i32 {
    count(pod, FAILURES) + count(pod, IGNORED)
}

/// How long the replacement of this failed Pod waits.
pub fn wait(pod: &Pod, now: Timestamp) -> Duration {
    let failures = usize::try_from(total(pod)).unwrap_or(0) + 1;
    backoff::finished_at(pod).map_or(Duration::ZERO, |last| backoff::after(failures, last, now))
}

/// Gives a new Pod the counts of the one it replaces.
pub fn take_over(job: &Job, new: &mut Pod, replaced: Option<&Pod>) {
    let (mut failures, mut ignored) = replaced.map_or((0, 0), |pod| (count(pod, FAILURES), count(pod, IGNORED)));
    if let Some(pod) = replaced {
        match failure_policy::judge(job, pod) {
            Verdict::Ignore => ignored += 1,
            _ => failures += 1,
        }
    }
    let annotations = new.metadata.annotations.get_or_insert_default();
    annotations.insert(FAILURES.to_owned(), failures.to_string());
    if ignored > 0 {
        annotations.insert(IGNORED.to_owned(), ignored.to_string());
    }
}

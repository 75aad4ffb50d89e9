//! A Job's settings, with the defaults the API server gives them.

use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::PodTemplateSpec;

fn spec(job: &Job) -> Option<&JobSpec> {
    job.spec.as_ref()
}

/// Whether no other controller was asked to manage it.
pub fn is_ours(job: &Job) -> bool {
    let managed_by = spec(job).and_then(|spec| spec.managed_by.as_deref());
    managed_by.is_none_or(|name| name == "kubernetes.io/job-controller")
}

pub fn completions(job: &Job) -> Option<i32> {
    spec(job)?.completions
}

pub fn parallelism(job: &Job) -> i32 {
    spec(job).and_then(|spec| spec.parallelism).unwrap_or(1)
}

pub fn backoff_limit(job: &Job) -> i32 {
    spec(job).and_then(|spec| spec.backoff_limit).unwrap_or(6)
}

/// How often each index may fail, for Jobs that count failures by index.
pub fn backoff_limit_per_index(job: &Job) -> Option<i32> {
    spec(job)?.backoff_limit_per_index.filter(|_| is_indexed(job))
}

pub fn max_failed_indexes(job: &Job) -> Option<i32> {
    spec(job)?.max_failed_indexes
}

pub fn active_deadline(job: &Job) -> Option<i64> {
    spec(job)?.active_deadline_seconds
}

pub fn is_indexed(job: &Job) -> bool {
    spec(job).is_some_and(|spec| spec.completion_mode.as_deref() == Some("Indexed"))
}

pub fn is_suspended(job: &Job) -> bool {
    spec(job).is_some_and(|spec| spec.suspend == Some(true))
}

/// Whether a Pod is replaced only once it has failed, not already while it terminates.
pub fn replaces_failed_only(job: &Job) -> bool {
    let policy = spec(job).and_then(|spec| spec.pod_replacement_policy.as_deref());
    policy == Some("Failed") || (policy.is_none() && spec(job).is_some_and(|spec| spec.pod_failure_policy.is_some()))
}

pub fn template(job: &Job) -> Option<&PodTemplateSpec> {
    spec(job).map(|spec| &spec.template)
}

/// Whether failed containers are restarted in place.
pub fn restarts_on_failure(job: &Job) -> bool {
    let template = template(job).and_then(|template| template.spec.as_ref());
    template.is_some_and(|spec| spec.restart_policy.as_deref() == Some("OnFailure"))
}

//! The Jobs a CronJob has started: which are active, what has ended since, which are too old to keep.

use std::collections::BTreeMap;
use std::sync::Arc;

use client::events::Regarding;
use client::runtime::Plan;
use client::{DeleteOptions, Object, Propagation};
use k8s_openapi::api::batch::v1::{CronJob, CronJobStatus, Job};
use k8s_openapi::api::core::v1::ObjectReference;

use crate::job::{finished, is_finished};
use crate::replicas::report;

/// Brings the list of active Jobs up to date, and tells of those that have ended.
pub fn update(plan: &mut Plan, cron_job: &CronJob, jobs: &[Arc<Job>], status: &mut CronJobStatus) {
    let known: BTreeMap<String, ObjectReference> = status
        .active
        .take()
        .unwrap_or_default()
        .into_iter()
        .map(|reference| (reference.uid.clone().unwrap_or_default(), reference))
        .collect();
    let by_uid: BTreeMap<&str, &Arc<Job>> = jobs.iter().map(|job| (job.uid(), job)).collect();
    for (uid, reference) in &known {
        let name = reference.name.as_deref().unwrap_or_default();
        match by_uid.get(uid.as_str()).map(|job| finished(job)) {
            None => plan.normal(Regarding::of(cron_job), "MissingJob", format!("Active job went missing: {name}")),
            Some(Some(condition)) => {
                let message = format!("Saw completed job: {name}, condition: {}", condition.type_);
                plan.normal(Regarding::of(cron_job), "SawCompletedJob", message);
            }
            Some(None) => {}
        }
    }
    let mut active: Vec<&Arc<Job>> = jobs.iter().filter(|job| !is_finished(job)).collect();
    active.sort_by_key(|job| (job.metadata.creation_timestamp.clone().map(|time| time.0), job.name().to_owned()));
    let references = active.iter().map(|job| known.get(job.uid()).cloned().unwrap_or_else(|| reference(job)));
    status.active = Some(references.collect::<Vec<_>>()).filter(|active| !active.is_empty());
    let successes = jobs.iter().filter_map(|job| job.status.as_ref()?.completion_time.clone());
    status.last_successful_time = successes.chain(status.last_successful_time.take()).max_by_key(|time| time.0);
}

fn reference(job: &Job) -> ObjectReference {
    ObjectReference {
        api_version: Some("batch/v1".to_owned()),
        kind: Some("Job".to_owned()),
        namespace: job.metadata.namespace.clone(),
        name: job.metadata.name.clone(),
        uid: job.metadata.uid.clone(),
        resource_version: job.metadata.resource_version.clone(),
        ..ObjectReference::default()
    }
}

/// Deletes the oldest ended Jobs beyond the limits.
pub fn clean_up(plan: &mut Plan, cron_job: &CronJob, jobs: &[Arc<Job>]) {
    for (condition_type, limit) in
        [("Complete", cron_job.spec.successful_jobs_history_limit), ("Failed", cron_job.spec.failed_jobs_history_limit)]
    {
        let Some(limit) = limit else { continue };
        let ended = jobs.iter().filter(|job| finished(job).is_some_and(|condition| condition.type_ == condition_type));
        let mut ended: Vec<&Arc<Job>> = ended.filter(|job| !job.is_deleting()).collect();
        let start = |job: &Job| job.status.as_ref().and_then(|status| status.start_time.as_ref()).map(|time| time.0);
        ended.sort_by(|a, b| start(a).cmp(&start(b)).then_with(|| a.name().cmp(b.name())));
        let surplus = ended.len().saturating_sub(usize::try_from(limit).unwrap_or(0));
        ended.into_iter().take(surplus).for_each(|job| delete(plan, cron_job, job));
    }
}

/// Deletes a Job and its Pods.
pub fn delete(plan: &mut Plan, cron_job: &CronJob, job: &Job) {
    let options = DeleteOptions { propagation: Some(Propagation::Background), ..DeleteOptions::default() };
    let failure = ("FailedDelete", "Deleted job: {error}");
    plan.delete_with(job, options, Some(report(cron_job, ("SuccessfulDelete", "Deleted job {name}"), failure)));
}

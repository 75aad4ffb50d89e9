//! The decision: is a Job due, and may it start?

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use client::Object;
use client::events::Regarding;
use client::runtime::Plan;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::{CronJob, CronJobStatus, Job};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::history;
use super::schedule::Schedule;
use crate::job::is_finished;
use crate::numbers::time;
use crate::ownership::owner_reference;
use crate::replicas::report;

pub struct Observed<'a> {
    pub cron_job: &'a CronJob,
    /// The Jobs it controls.
    pub jobs: &'a [Arc<Job>],
    pub now: Timestamp,
}

const SCHEDULED_AT: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";
/// Looks a little after the minute, never before it.
const SLACK: Duration = Duration::from_millis(100);

pub fn reconcile(observed: &Observed) -> Plan {
    let mut plan = Plan::new();
    let cron_job = observed.cron_job;
    let mut status = cron_job.status.clone().unwrap_or_default();
    history::update(&mut plan, cron_job, observed.jobs, &mut status);
    history::clean_up(&mut plan, cron_job, observed.jobs);
    if !cron_job.is_deleting() && cron_job.spec.suspend != Some(true) {
        match schedule(cron_job) {
            Ok(schedule) => on_schedule(&mut plan, observed, &schedule, &mut status),
            Err((reason, message)) => plan.warning(Regarding::of(cron_job), reason, message),
        }
    }
    plan.update_status(cron_job, &CronJob { status: Some(status), ..cron_job.clone() });
    plan
}

fn schedule(cron_job: &CronJob) -> Result<Schedule, (&'static str, String)> {
    let zone = zone(cron_job)?;
    let text = &cron_job.spec.schedule;
    Schedule::parse(text, zone)
        .map_err(|error| ("UnparseableSchedule", format!("unparseable schedule: {text:?} : {error}")))
}

fn zone(cron_job: &CronJob) -> Result<TimeZone, (&'static str, String)> {
    match &cron_job.spec.time_zone {
        None => Ok(TimeZone::UTC),
        Some(name) => {
            TimeZone::get(name).map_err(|error| ("UnknownTimeZone", format!("invalid timeZone: {name:?}: {error}")))
        }
    }
}

fn on_schedule(plan: &mut Plan, observed: &Observed, schedule: &Schedule, status: &mut CronJobStatus) {
    let Observed { cron_job, now, .. } = *observed;
    if let Some(next) = schedule.next(now) {
        plan.requeue_after(Duration::try_from(next.duration_since(now)).unwrap_or_default() + SLACK);
    }
    let Some((due, too_many)) = schedule.latest(earliest(cron_job, now), now) else { return };
    if too_many {
        let message = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew";
        plan.warning(Regarding::of(cron_job), "TooManyMissedTimes", message);
    }
    let deadline = cron_job.spec.starting_deadline_seconds.map(SignedDuration::from_secs);
    if deadline.is_some_and(|deadline| due + deadline < now) {
        let at = due.strftime("%a, %d %b %Y %H:%M:%S +0000");
        plan.warning(Regarding::of(cron_job), "MissSchedule", format!("Missed scheduled time to start a job: {at}"));
        return;
    }
    let name = job_name(cron_job, due);
    if observed.jobs.iter().any(|job| job.name() == name) {
        // It was started, but the status does not say so yet.
        status.last_schedule_time = Some(time(due));
        return;
    }
    start(plan, observed, &name, due, status);
}

/// Starts before this time are no longer asked for.
fn earliest(cron_job: &CronJob, now: Timestamp) -> Timestamp {
    let last = cron_job.status.as_ref().and_then(|status| status.last_schedule_time.as_ref());
    let created = cron_job.metadata.creation_timestamp.as_ref();
    let earliest = last.or(created).map_or(now, |time| time.0);
    match cron_job.spec.starting_deadline_seconds {
        Some(deadline) => earliest.max(now - SignedDuration::from_secs(deadline)),
        None => earliest,
    }
}

fn start(plan: &mut Plan, observed: &Observed, name: &str, due: Timestamp, status: &mut CronJobStatus) {
    let cron_job = observed.cron_job;
    let active: Vec<&Arc<Job>> = observed.jobs.iter().filter(|job| !is_finished(job)).collect();
    match cron_job.spec.concurrency_policy.as_deref() {
        Some("Forbid") if !active.is_empty() => {
            let message = "Not starting job because prior execution is running and concurrency policy is Forbid";
            plan.normal(Regarding::of(cron_job), "JobAlreadyActive", message);
            return;
        }
        Some("Replace") => {
            active.iter().for_each(|job| history::delete(plan, cron_job, job));
            // What is deleted here does not go missing.
            let is_kept = |uid: &Option<String>| !active.iter().any(|job| Some(job.uid()) == uid.as_deref());
            status.active = status.active.take().map(|list| list.into_iter().filter(|job| is_kept(&job.uid)).collect());
            status.active = status.active.take().filter(|list: &Vec<_>| !list.is_empty());
        }
        _ => {}
    }
    let success = ("SuccessfulCreate", "Created job {name}");
    plan.create(
        &job(cron_job, name, due),
        Some(report(cron_job, success, ("FailedCreate", "Error creating job: {error}"))),
    );
    status.last_schedule_time = Some(time(due));
}

/// One name per minute, so that no start happens twice.
fn job_name(cron_job: &CronJob, due: Timestamp) -> String {
    format!("{}-{}", cron_job.name(), due.as_second() / 60)
}

fn job(cron_job: &CronJob, name: &str, due: Timestamp) -> Job {
    let template = &cron_job.spec.job_template;
    let meta = template.metadata.clone().unwrap_or_default();
    let mut annotations: BTreeMap<String, String> = meta.annotations.unwrap_or_default();
    let zone = zone(cron_job).unwrap_or(TimeZone::UTC);
    let format = if zone == TimeZone::UTC { "%Y-%m-%dT%H:%M:%SZ" } else { "%Y-%m-%dT%H:%M:%S%:z" };
    annotations.insert(SCHEDULED_AT.to_owned(), due.to_zoned(zone).strftime(format).to_string());
    Job {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: cron_job.metadata.namespace.clone(),
            labels: meta.labels,
            annotations: Some(annotations),
            owner_references: Some(vec![owner_reference(cron_job)]),
            ..ObjectMeta::default()
        },
        spec: template.spec.clone(),
        status: None,
    }
}

//! A Job's conditions, and what is finished about it.

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{Job, JobCondition, JobStatus};

use crate::numbers::time;

pub const COMPLETE: &str = "Complete";
pub const FAILED: &str = "Failed";
pub const SUSPENDED: &str = "Suspended";
/// Enough has succeeded; Pods are still being cleaned up.
pub const SUCCESS_CRITERIA_MET: &str = "SuccessCriteriaMet";
/// It is going to fail; Pods are still being cleaned up.
pub const FAILURE_TARGET: &str = "FailureTarget";

pub fn find<'a>(status: &'a JobStatus, condition_type: &str) -> Option<&'a JobCondition> {
    status.conditions.iter().flatten().find(|condition| condition.type_ == condition_type && condition.status == "True")
}

/// The condition a Job ended with.
pub fn finished(job: &Job) -> Option<&JobCondition> {
    let status = job.status.as_ref()?;
    find(status, COMPLETE).or_else(|| find(status, FAILED))
}

pub fn is_finished(job: &Job) -> bool {
    finished(job).is_some()
}

/// Adds a condition, or changes the one there is; true if that changes anything.
pub fn set(
    status: &mut JobStatus,
    condition_type: &str,
    value: bool,
    (reason, message): (&str, &str),
    now: Timestamp,
) -> bool {
    let value = if value { "True" } else { "False" };
    let conditions = status.conditions.get_or_insert_default();
    let new = JobCondition {
        type_: condition_type.to_owned(),
        status: value.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        last_probe_time: Some(time(now)),
        last_transition_time: Some(time(now)),
    };
    match conditions.iter_mut().find(|condition| condition.type_ == condition_type) {
        Some(old) if old.status == new.status && old.reason == new.reason && old.message == new.message => false,
        Some(old) => {
            *old = new;
            true
        }
        None => {
            conditions.push(new);
            true
        }
    }
}

//! Deletes finished Jobs once their ttlSecondsAfterFinished has passed.

use client::runtime::{Controller, Plan};
use client::{DeleteOptions, Lister, ObjectKey, Propagation};
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;

use crate::Context;
use crate::job;
use crate::numbers::remaining;

#[cfg(test)]
mod tests;

pub async fn run(context: Context) {
    let mut controller = Controller::new("ttl-after-finished-controller", &context.informers, context.client.clone());
    let jobs: Lister<Job> = controller.own();
    controller.run(move |key, attempt| plan(&jobs, key, attempt.now)).await;
}

fn plan(jobs: &Lister<Job>, key: &ObjectKey, now: Timestamp) -> Plan {
    let mut plan = Plan::new();
    let Some(job) = jobs.get(key).filter(|job| job.metadata.deletion_timestamp.is_none()) else { return plan };
    let Some(ttl) = job.spec.as_ref().and_then(|spec| spec.ttl_seconds_after_finished) else { return plan };
    let Some(end) = job::finished(&job).and_then(|condition| condition.last_transition_time.as_ref()) else {
        return plan;
    };
    let left = remaining(end.0, i64::from(ttl), now);
    if left.is_zero() {
        // The cache may be behind: the Job's revision is part of the precondition.
        let options = DeleteOptions {
            resource_version: job.metadata.resource_version.clone(),
            propagation: Some(Propagation::Foreground),
            ..DeleteOptions::default()
        };
        plan.delete_with(&*job, options, None);
    } else {
        plan.requeue_after(left);
    }
    plan
}

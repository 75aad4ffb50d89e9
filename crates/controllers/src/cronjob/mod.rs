//! CronJob: starts a Job at each time of its schedule.

use client::runtime::{Attempt, Controller, Plan};
use client::{Change, Lister, Object, ObjectKey};
use k8s_openapi::api::batch::v1::{CronJob, Job};

use crate::Context;
use crate::ownership::{BY_CONTROLLER, by_controller, controller_key};

mod history;
mod reconcile;
mod schedule;
#[cfg(test)]
mod tests;

use reconcile::{Observed, reconcile};

pub async fn run(context: Context) {
    let mut controller = Controller::new("cronjob-controller", &context.informers, context.client.clone());
    let cron_jobs: Lister<CronJob> = controller.own();
    let owner = |change: &Change<Job>| controller_key::<CronJob>(&change.object().metadata).into_iter().collect();
    let jobs: Lister<Job> = controller.watch(owner);
    jobs.add_index(BY_CONTROLLER, by_controller);
    controller.run(move |key, attempt| plan(&cron_jobs, &jobs, key, attempt)).await;
}

fn plan(cron_jobs: &Lister<CronJob>, jobs: &Lister<Job>, key: &ObjectKey, attempt: &Attempt<'_>) -> Plan {
    let Some(cron_job) = cron_jobs.get(key) else { return Plan::new() };
    if attempt.failure.is_some() {
        return Plan::new();
    }
    let jobs = jobs.by_index(BY_CONTROLLER, cron_job.uid());
    reconcile(&Observed { cron_job: &cron_job, jobs: &jobs, now: attempt.now })
}

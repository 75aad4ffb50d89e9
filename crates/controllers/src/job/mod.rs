//! Job: runs Pods until enough of them have succeeded, or too many have failed.

use api::selector::LabelSelector;
use client::runtime::{Attempt, Controller, Plan};
use client::{Change, Lister, ObjectKey};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;

use crate::Context;
use crate::ownership::{self, BY_CONTROLLER, Claim, by_controller};

mod backoff;
mod conditions;
mod failure_policy;
mod indexes;
mod new_pods;
mod per_index;
mod reconcile;
mod spec;
mod tracking;
mod verdict;

pub use backoff::finished_at;
pub use conditions::{finished, is_finished};

use reconcile::{Observed, reconcile};

#[cfg(test)]
mod tests;

pub async fn run(context: Context) {
    let mut controller = Controller::new("job-controller", &context.informers, context.client.clone());
    let jobs: Lister<Job> = controller.own();
    let owners = jobs.clone();
    let pods: Lister<Pod> =
        controller.watch(move |change: &Change<Pod>| ownership::owner_keys(change, &owners, selector));
    index(&pods);
    controller.run(move |key, attempt| plan(&jobs, &pods, key, attempt)).await;
}

fn index(pods: &Lister<Pod>) {
    pods.add_index(BY_CONTROLLER, by_controller);
    pods.add_index(tracking::BY_JOB, tracking::by_job);
}

fn plan(jobs: &Lister<Job>, pods: &Lister<Pod>, key: &ObjectKey, attempt: &Attempt<'_>) -> Plan {
    let mut plan = Plan::new();
    let job = jobs.get(key);
    tracking::release_orphans(&mut plan, job.as_deref(), &pods.by_index(tracking::BY_JOB, &key.to_string()));
    let Some(job) = job else { return plan };
    let candidates = ownership::candidates(&*job, pods);
    if is_finished(&job) || !spec::is_ours(&job) {
        tracking::release_leftovers(&mut plan, &job, &candidates);
        return plan;
    }
    let selector = selector(&job);
    let pods = Claim { owner: &*job, selector: &selector }.objects(&mut plan, &candidates);
    if attempt.failure.is_some() {
        return Plan::new();
    }
    reconcile(plan, &Observed { job: &job, pods: &pods, now: attempt.now })
}

fn selector(job: &Job) -> LabelSelector {
    let selector = job.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    selector.map_or_else(LabelSelector::nothing, ownership::selector_of)
}

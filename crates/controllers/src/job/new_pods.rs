//! The Pods a Job makes: with the tracking finalizer, and for indexed Jobs with their index in name, host name and environment.

use std::sync::Arc;
use std::time::Duration;

use client::Object;
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Container, EnvVar, EnvVarSource, ObjectFieldSelector, Pod};

use super::indexes::{self, INDEX};
use super::tracking::{FINALIZER, Tracked};
use super::{per_index, spec};
use crate::template;

const INDEX_VARIABLE: &str = "JOB_COMPLETION_INDEX";
/// Host names are labels of DNS.
const LABEL_LENGTH: usize = 63;

/// Up to `number` new Pods, and how long the next one waits if an index has to.
pub fn make(
    job: &Job,
    active: &[Arc<Pod>],
    tracked: &Tracked,
    number: usize,
    now: Timestamp,
) -> (Vec<Pod>, Option<Duration>) {
    let Some(template) = spec::template(job) else { return (Vec::new(), None) };
    let mut pod = template::pod(template, job);
    pod.metadata.finalizers.get_or_insert_default().push(FINALIZER.to_owned());
    if !spec::is_indexed(job) {
        return (vec![pod; number], None);
    }
    let mut taken = tracked.done();
    taken.extend(active.iter().filter_map(|pod| indexes::of(pod)));
    let free = (0..spec::completions(job).unwrap_or(0)).filter(|index| !taken.contains(index));
    let mut made = Vec::new();
    let mut wait: Option<Duration> = None;
    for index in free.take(number) {
        let replaced = tracked.to_replace.get(&index);
        let left = replaced.map_or(Duration::ZERO, |pod| per_index::wait(pod, now));
        if !left.is_zero() {
            wait = Some(wait.map_or(left, |other| other.min(left)));
            continue;
        }
        let mut pod = with_index(pod.clone(), job, index);
        if tracked.failed_indexes.is_some() {
            per_index::take_over(job, &mut pod, replaced.map(Arc::as_ref));
        }
        made.push(pod);
    }
    (made, wait)
}

fn with_index(mut pod: Pod, job: &Job, index: i32) -> Pod {
    let text = index.to_string();
    let mut host = job.name().to_owned();
    host.truncate(LABEL_LENGTH - 1 - text.len());
    let host = format!("{host}-{text}");
    pod.metadata.generate_name = Some(format!("{}-{text}-", job.name()));
    pod.metadata.annotations.get_or_insert_default().insert(INDEX.to_owned(), text.clone());
    pod.metadata.labels.get_or_insert_default().insert(INDEX.to_owned(), text);
    if let Some(spec) = &mut pod.spec {
        spec.hostname = Some(host);
        let init = spec.init_containers.iter_mut().flatten();
        spec.containers.iter_mut().chain(init).for_each(add_variable);
    }
    pod
}

fn add_variable(container: &mut Container) {
    let variables = container.env.get_or_insert_default();
    if variables.iter().any(|variable| variable.name == INDEX_VARIABLE) {
        return;
    }
    let field_ref =
        ObjectFieldSelector { field_path: format!("metadata.labels['{INDEX}']"), ..ObjectFieldSelector::default() };
    variables.push(EnvVar {
        name: INDEX_VARIABLE.to_owned(),
        value: None,
        value_from: Some(EnvVarSource { field_ref: Some(field_ref), ..EnvVarSource::default() }),
    });
}

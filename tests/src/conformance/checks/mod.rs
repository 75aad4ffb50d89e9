//! The table of checks: a row's id and the function that tries it. A row is in exactly one of the files' tables, or not written yet.

mod admission_policies;
mod aggregation;
mod api_requests;
mod controller_revisions;
mod conversion;
mod cron_jobs;
mod csrs;
mod custom_resources;
mod daemon_sets;
mod deployments;
mod discovery;
mod disruption;
mod dns;
mod downward_api;
mod empty_dirs;
mod endpoints;
mod environment;
mod ephemeral_containers;
mod events;
mod field_validation;
mod garbage_collection;
mod guestbook;
mod indexed_jobs;
mod init_containers;
mod job_policies;
mod jobs;
mod kubectl;
mod kubectl_pods;
mod kubectl_validation;
mod lifecycles;
mod limit_ranges;
mod mutating_webhooks;
mod namespaces;
mod networking;
mod node_kinds;
mod node_taints;
mod object_kinds;
mod persistent_volumes;
mod pod_containers;
mod pod_hooks;
mod pod_lives;
mod pod_probes;
mod pod_resize;
mod pod_security;
mod pod_streams;
mod preemption;
mod projected_volumes;
mod proxying;
mod quota_scopes;
mod quotas;
mod replica_sets;
mod replication_controllers;
mod scheduling;
mod service_accounts;
mod service_changes;
mod service_ports;
mod services;
mod stateful_sets;
mod subject_reviews;
mod subpaths;
mod termination;
mod validating_webhooks;
mod volume_updates;
mod volumes;
mod watches;
mod webhook_rules;

use super::ctx::{Ctx, Running};

/// Tries one row.
pub type Check = for<'a> fn(&'a Ctx) -> Running<'a>;

/// A file's table: `"id" => function;` or `"id" => function, arguments;`.
macro_rules! checks {
    ($($id:literal => $run:path $(, $argument:expr)*;)*) => {
        pub const CHECKS: &[(&str, super::Check)] = &[$(($id, |ctx| Box::pin($run(ctx $(, $argument)*)))),*];
    };
}
use checks;

const TABLES: &[&[(&str, Check)]] = &[
    admission_policies::CHECKS,
    aggregation::CHECKS,
    api_requests::CHECKS,
    controller_revisions::CHECKS,
    conversion::CHECKS,
    cron_jobs::CHECKS,
    csrs::CHECKS,
    custom_resources::CHECKS,
    daemon_sets::CHECKS,
    deployments::CHECKS,
    discovery::CHECKS,
    disruption::CHECKS,
    dns::CHECKS,
    downward_api::CHECKS,
    empty_dirs::CHECKS,
    endpoints::CHECKS,
    environment::CHECKS,
    ephemeral_containers::CHECKS,
    events::CHECKS,
    field_validation::CHECKS,
    garbage_collection::CHECKS,
    guestbook::CHECKS,
    indexed_jobs::CHECKS,
    init_containers::CHECKS,
    job_policies::CHECKS,
    jobs::CHECKS,
    kubectl::CHECKS,
    kubectl_pods::CHECKS,
    kubectl_validation::CHECKS,
    lifecycles::CHECKS,
    limit_ranges::CHECKS,
    mutating_webhooks::CHECKS,
    namespaces::CHECKS,
    networking::CHECKS,
    node_kinds::CHECKS,
    node_taints::CHECKS,
    object_kinds::CHECKS,
    persistent_volumes::CHECKS,
    pod_containers::CHECKS,
    pod_hooks::CHECKS,
    pod_lives::CHECKS,
    pod_probes::CHECKS,
    pod_resize::CHECKS,
    pod_security::CHECKS,
    pod_streams::CHECKS,
    preemption::CHECKS,
    projected_volumes::CHECKS,
    proxying::CHECKS,
    quota_scopes::CHECKS,
    quotas::CHECKS,
    replica_sets::CHECKS,
    replication_controllers::CHECKS,
    scheduling::CHECKS,
    service_accounts::CHECKS,
    service_changes::CHECKS,
    service_ports::CHECKS,
    services::CHECKS,
    stateful_sets::CHECKS,
    subject_reviews::CHECKS,
    subpaths::CHECKS,
    termination::CHECKS,
    validating_webhooks::CHECKS,
    volume_updates::CHECKS,
    volumes::CHECKS,
    watches::CHECKS,
    webhook_rules::CHECKS,
];

/// Rows without a check: they count as failed.
pub const NOT_WRITTEN: &[&str] = &[];

/// All entries.
pub fn all() -> impl Iterator<Item = (&'static str, Check)> {
    TABLES.iter().flat_map(|table| table.iter().copied())
}

/// The check of a row.
pub fn find(id: &str) -> Option<Check> {
    all().find(|(name, _)| *name == id).map(|(_, check)| check)
}

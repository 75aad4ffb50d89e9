//! The controllers of the control plane: one folder each, a pure reconcile and its cases. They know the API and the client,
//! never the store or the API server.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use api::env::Env;
use client::Informers;
use tokio_util::sync::CancellationToken;

mod backends;
mod config;
mod history;
mod numbers;
mod ownership;
mod placement;
mod pods;
mod replicas;
mod template;
#[cfg(test)]
mod world;

mod bootstraptokens;
mod clusterroleaggregation;
mod cronjob;
mod csrcleaner;
mod daemonset;
mod deployment;
mod disruption;
mod endpoints;
mod endpointslice;
mod endpointslicemirroring;
mod garbagecollector;
mod job;
mod namespace;
mod nodeipam;
mod nodelifecycle;
mod podgc;
mod pvcprotection;
mod pvprotection;
mod replicaset;
mod replicationcontroller;
mod resourcequota;
mod rootca;
mod serviceaccount;
mod statefulset;
mod tainteviction;
mod ttlafterfinished;
mod vacprotection;
mod validatingadmissionpolicystatus;

pub use config::Config;

/// What a controller is given at its start.
#[derive(Clone)]
pub struct Context {
    /// Shared by all controllers; reads as system:kube-controller-manager.
    pub informers: Informers,
    /// Writes as the controller's own service account.
    pub client: kube::Client,
    pub env: Env,
    pub config: Arc<Config>,
}

type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One controller: its upstream name, its service account in kube-system, and its loop.
pub struct Row {
    pub name: &'static str,
    pub account: &'static str,
    pub run: fn(Context) -> Running,
}

/// Every controller there is, by name.
pub const ALL: &[Row] = &[
    row("bootstrap-signer-controller", "bootstrap-signer", |context| Box::pin(bootstraptokens::sign(context))),
    row("certificatesigningrequest-cleaner-controller", "certificate-controller", |context| {
        Box::pin(csrcleaner::run(context))
    }),
    row("clusterrole-aggregation-controller", "clusterrole-aggregation-controller", |context| {
        Box::pin(clusterroleaggregation::run(context))
    }),
    row("cronjob-controller", "cronjob-controller", |context| Box::pin(cronjob::run(context))),
    row("daemonset-controller", "daemon-set-controller", |context| Box::pin(daemonset::run(context))),
    row("deployment-controller", "deployment-controller", |context| Box::pin(deployment::run(context))),
    row("disruption-controller", "disruption-controller", |context| Box::pin(disruption::run(context))),
    row("endpoints-controller", "endpoint-controller", |context| Box::pin(endpoints::run(context))),
    row("endpointslice-controller", "endpointslice-controller", |context| Box::pin(endpointslice::run(context))),
    row("endpointslice-mirroring-controller", "endpointslicemirroring-controller", |context| {
        Box::pin(endpointslicemirroring::run(context))
    }),
    row("garbage-collector-controller", "generic-garbage-collector", |context| {
        Box::pin(garbagecollector::run(context))
    }),
    row("job-controller", "job-controller", |context| Box::pin(job::run(context))),
    row("namespace-controller", "namespace-controller", |context| Box::pin(namespace::run(context))),
    row("node-ipam-controller", "node-controller", |context| Box::pin(nodeipam::run(context))),
    row("node-lifecycle-controller", "node-controller", |context| Box::pin(nodelifecycle::run(context))),
    row("persistentvolume-protection-controller", "pv-protection-controller", |context| {
        Box::pin(pvprotection::run(context))
    }),
    row("persistentvolumeclaim-protection-controller", "pvc-protection-controller", |context| {
        Box::pin(pvcprotection::run(context))
    }),
    row("pod-garbage-collector-controller", "pod-garbage-collector", |context| Box::pin(podgc::run(context))),
    row("replicaset-controller", "replicaset-controller", |context| Box::pin(replicaset::run(context))),
    row("replicationcontroller-controller", "replication-controller", |context| {
        Box::pin(replicationcontroller::run(context))
    }),
    row("resourcequota-controller", "resourcequota-controller", |context| Box::pin(resourcequota::run(context))),
    row("root-ca-certificate-publisher-controller", "root-ca-cert-publisher", |context| Box::pin(rootca::run(context))),
    row("serviceaccount-controller", "service-account-controller", |context| Box::pin(serviceaccount::run(context))),
    row("statefulset-controller", "statefulset-controller", |context| Box::pin(statefulset::run(context))),
    row("taint-eviction-controller", "node-controller", |context| Box::pin(tainteviction::run(context))),
    row("token-cleaner-controller", "token-cleaner", |context| Box::pin(bootstraptokens::clean(context))),
    row("ttl-after-finished-controller", "ttl-after-finished-controller", |context| {
        Box::pin(ttlafterfinished::run(context))
    }),
    row("validatingadmissionpolicy-status-controller", "validatingadmissionpolicy-status-controller", |context| {
        Box::pin(validatingadmissionpolicystatus::run(context))
    }),
    row("volumeattributesclass-protection-controller", "volumeattributesclass-protection-controller", |context| {
        Box::pin(vacprotection::run(context))
    }),
];

const fn row(name: &'static str, account: &'static str, run: fn(Context) -> Running) -> Row {
    Row { name, account, run }
}

/// Starts every controller that the configuration does not leave out. `reader` is the controller manager's own client
/// (system:kube-controller-manager): all informers go through it. `writer` gives the client of a service account in
/// kube-system. Everything ends when `stop` is cancelled.
pub fn start(
    reader: kube::Client,
    writer: impl Fn(&'static str) -> kube::Client,
    env: Env,
    config: Config,
    stop: CancellationToken,
) {
    let informers = Informers::new(reader, env.clone(), stop.clone());
    let config = Arc::new(config);
    for row in ALL.iter().filter(|row| !config.disabled.contains(row.name)) {
        let context = Context {
            informers: informers.clone(),
            client: writer(row.account),
            env: env.clone(),
            config: config.clone(),
        };
        let (running, stopped) = ((row.run)(context), stop.clone());
        env.spawn(row.name, async move {
            stopped.run_until_cancelled(running).await;
        });
    }
}

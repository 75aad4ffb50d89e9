//! The controllers of the control plane: one folder each, a pure reconcile and its cases. They know the API and the client,
//! never the store or the API server.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use api::env::Env;
use client::Informers;
use tokio_util::sync::CancellationToken;

mod config;
mod numbers;
mod ownership;
mod pods;
mod replicas;
mod template;
#[cfg(test)]
mod world;

mod deployment;
mod replicaset;
mod replicationcontroller;

pub use config::{Config, Sign, SignError};

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
    Row { name: "deployment-controller", account: "deployment-controller", run: |context| Box::pin(deployment::run(context)) },
    Row { name: "replicaset-controller", account: "replicaset-controller", run: |context| Box::pin(replicaset::run(context)) },
    Row {
        name: "replicationcontroller-controller",
        account: "replication-controller",
        run: |context| Box::pin(replicationcontroller::run(context)),
    },
];

/// Starts every controller that the configuration does not leave out. `reader` is the controller manager's own client
/// (system:kube-controller-manager): all informers go through it. `writer` gives the client of a service account in
/// kube-system. Everything ends when `stop` is cancelled.
pub fn start(reader: kube::Client, writer: impl Fn(&'static str) -> kube::Client, env: Env, config: Config, stop: CancellationToken) {
    let informers = Informers::new(reader, env.clone(), stop.clone());
    let config = Arc::new(config);
    for row in ALL.iter().filter(|row| !config.disabled.contains(row.name)) {
        let context = Context { informers: informers.clone(), client: writer(row.account), env: env.clone(), config: config.clone() };
        let (running, stopped) = ((row.run)(context), stop.clone());
        env.spawn(row.name, async move {
            stopped.run_until_cancelled(running).await;
        });
    }
}

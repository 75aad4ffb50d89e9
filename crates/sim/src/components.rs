//! What runs beside the server: all controllers and the scheduler, each with its own identity, as the binary starts them.

use tokio_util::sync::CancellationToken;

use crate::cluster::Cluster;

/// Starts them; they end with `life`.
pub(crate) fn start(cluster: &Cluster, life: &CancellationToken) {
    let env = cluster.seams.env(life);
    let config = controllers::Config {
        root_ca: "-----BEGIN CERTIFICATE-----\n".to_owned(),
        cluster_cidrs: vec!["10.42.0.0/16".to_owned()],
        ..controllers::Config::default()
    };
    let reader = cluster.client("system:kube-controller-manager", &["system:authenticated"]);
    let of_accounts = cluster.clone();
    let account = move |name: &'static str| {
        let groups = ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"];
        of_accounts.client(&format!("system:serviceaccount:kube-system:{name}"), &groups)
    };
    controllers::start(reader, account, env.clone(), config, life.clone());
    let scheduler = cluster.client("system:kube-scheduler", &["system:authenticated"]);
    let scheduling = scheduler::run(scheduler::Config::default(), scheduler, env.clone(), life.clone());
    env.spawn("scheduler", scheduling);
}

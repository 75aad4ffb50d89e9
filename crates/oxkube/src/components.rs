//! What runs beside the API server. Components talk to the API as anyone does: with their own identities, through the whole pipeline.

use apiserver::pki::Pki;
use apiserver::{ApiServer, Identity};
use tokio_util::sync::CancellationToken;

use crate::flags::ServerFlags;

/// Starts what is not disabled.
pub fn start(flags: &ServerFlags, api: &ApiServer, pki: &Pki, stop: &CancellationToken) {
    let enabled = |name: &str| !flags.disable.iter().any(|disabled| disabled == name);
    let env = api.env().clone();
    if enabled("controllers") {
        let config = controllers::Config {
            root_ca: pki.keys.server_authority.pem(),
            cluster_cidrs: flags.cluster_cidr.split(',').map(str::to_owned).collect(),
            node_cidr_mask: (flags.node_cidr_mask_size, 64),
            disabled: flags.disable.iter().cloned().collect(),
            ..controllers::Config::default()
        };
        let reader = user(api, "system:kube-controller-manager");
        let (server, stop) = (api.clone(), stop.clone());
        controllers::start(reader, move |account| service_account(&server, account), env.clone(), config, stop);
    }
    if enabled("scheduler") {
        let client = user(api, "system:kube-scheduler");
        let scheduling = scheduler::run(scheduler::Config::default(), client, env.clone(), stop.clone());
        env.spawn("scheduler", scheduling);
    }
}

/// As a user of the control plane: `system:` and the component's name.
pub fn user(api: &ApiServer, name: &'static str) -> kube::Client {
    let component = name.strip_prefix("system:").unwrap_or(name);
    client::in_process_as(api.service(Identity::new(name, &["system:authenticated"])), component)
}

/// As the service account `name` of kube-system.
fn service_account(api: &ApiServer, name: &str) -> kube::Client {
    let groups = ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"];
    let account = Identity::new(format!("system:serviceaccount:kube-system:{name}"), &groups);
    client::in_process_as(api.service(account), "kube-controller-manager")
}
